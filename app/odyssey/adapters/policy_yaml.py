"""
`.github/odyssey.yml` as a `Policy`, read with PyYAML's safe loader.
"""

from __future__ import annotations

from functools import lru_cache

import yaml

from odyssey.domain.errors import PolicyInvalid
from odyssey.domain.policy import POLICY_PATH, Policy, policy_from

MAX_POLICY_BYTES = 64_000


@lru_cache(maxsize=256)
def read_policy(text: str | None) -> Policy:
    """
    The policy in *text*; None (no file) gives the defaults.

    Raises:
        PolicyInvalid: not YAML, too large, or not what the policy knows.
    """
    if text is None:
        return Policy()
    if len(text) > MAX_POLICY_BYTES:
        raise PolicyInvalid(f"`{POLICY_PATH}` is over {MAX_POLICY_BYTES} characters")
    # Aliases can make a few lines expand to gigabytes; a policy needs none.
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise PolicyInvalid(f"`{POLICY_PATH}`: YAML aliases (`*name`) are not supported")
        return policy_from(yaml.safe_load(text))
    except (yaml.YAMLError, RecursionError) as error:
        first_line = str(error).splitlines()[0] if str(error) else "unreadable"
        raise PolicyInvalid(f"`{POLICY_PATH}` is not valid YAML: {first_line}") from error
