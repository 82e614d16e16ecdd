"""
`odyssey policy check` and `odyssey policy schema`.
"""

from __future__ import annotations

import json
from pathlib import Path

import typer
import yaml

from odyssey.adapters.policy_yaml import read_file
from odyssey.domain.errors import PolicyInvalid
from odyssey.domain.policy_reading import policy_as_file, policy_schema


def check(path: Path, *, as_json: bool) -> int:
    """
    Prints what the file at *path* means, or why it means nothing; the exit status.

    Raises:
        PolicyInvalid: without *as_json*, for a file that cannot be read as a policy.
        OSError: there is no such file.
    """
    try:
        policy = read_file(_text(path), file=str(path))
    except PolicyInvalid as error:
        if not as_json:
            raise
        typer.echo(json.dumps({"file": str(path), "valid": False, "problem": str(error)}))
        return 1
    whole = policy_as_file(policy)
    if as_json:
        typer.echo(json.dumps({"file": str(path), "valid": True, "policy": whole}))
    else:
        typer.echo(f"# {path} is valid. With every default written out it says:")
        typer.echo(yaml.safe_dump(whole, sort_keys=False), nl=False)
    return 0


def schema() -> str:
    """The JSON Schema as it stands in `deploy/odyssey.policy.schema.json`."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False) + "\n"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise PolicyInvalid(f"{path} is not UTF-8 text") from error
