"""
`.github/odyssey.yml` as a `Policy`, read with PyYAML's safe loader.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml

from odyssey.domain.errors import PolicyInvalid
from odyssey.domain.policy import POLICY_PATH, Policy
from odyssey.domain.policy_reading import policy_from

MAX_POLICY_CHARACTERS = 64_000
MAX_DEPTH = 20

OWN_FILE = f"`{POLICY_PATH}`"
ORGANISATION_FILE = f"`{POLICY_PATH}` of the organisation's `.github` repository"


def read_policy(text: str | None, organisation_text: str | None = None, /) -> Policy:
    """
    The policy in *text*; without one that of the organisation; without both the defaults.

    Raises:
        PolicyInvalid: not YAML, too large, or not what the policy knows; says which file.
    """
    if text is not None:
        return read_file(text, file=OWN_FILE)
    if organisation_text is not None:
        return read_file(organisation_text, file=ORGANISATION_FILE)
    return Policy()


def read_file(text: str, *, file: str) -> Policy:
    """
    The policy in one file, which is called *file* in what people read.

    Raises:
        PolicyInvalid: not YAML, too large, or not what the policy knows.
    """
    found = _read(text, file)
    if isinstance(found, str):
        raise PolicyInvalid(found)
    return found


@lru_cache(maxsize=256)
def _read(text: str, file: str) -> Policy | str:
    # What is wrong is remembered too: a bad file is read as often as a good one.
    if len(text) > MAX_POLICY_CHARACTERS:
        return f"{file} is over {MAX_POLICY_CHARACTERS} characters"
    try:
        if problem := _outlandish(text):
            return f"{file}: {problem}"
        loader = _Unambiguous(text)
        try:
            return policy_from(loader.get_single_data(), file=file)
        finally:
            loader.dispose()
    except PolicyInvalid as error:
        return str(error)
    except (yaml.YAMLError, RecursionError, ValueError, ArithmeticError) as error:
        return f"{file} is not valid YAML: {_what(error)}"


def _outlandish(text: str) -> str:
    """What a policy needs not and a reader is hurt by; "" for nothing."""
    depth = 0
    for token in yaml.scan(text):
        match token:
            case yaml.AliasToken():
                # A few lines can expand to gigabytes.
                return "YAML aliases (`*name`) are not supported"
            case yaml.TagToken():
                return "YAML tags (`!name`) are not supported"
            case yaml.FlowSequenceStartToken() | yaml.FlowMappingStartToken():
                depth += 1
            case yaml.FlowSequenceEndToken() | yaml.FlowMappingEndToken():
                depth -= 1
        # The time the scanner takes grows with the square of this.
        if depth > MAX_DEPTH:
            return f"brackets and braces are nested over {MAX_DEPTH} deep"
    return ""


def _what(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem or error.context} in line {error.problem_mark.line + 1}"
    return str(error).splitlines()[0] if str(error) else "unreadable"


class _Unambiguous(yaml.SafeLoader):
    """The safe loader, which takes no key twice: the last would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping, unless a key stands in it twice."""
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key.value}` stands there twice", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)
