"""
`ODYSSEY_SERVICE_TOKENS`, as an operator writes it.
"""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from odyssey.settings import Settings

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", {}),
        (f"ci={TOKEN}", {"ci": TOKEN}),
        (f" ci = {TOKEN} , cd={TOKEN}=x==,", {"ci": TOKEN, "cd": f"{TOKEN}=x=="}),
    ],
)
def test_names_and_tokens_are_read(
    monkeypatch: pytest.MonkeyPatch, text: str, tokens: dict[str, str]
) -> None:
    """
    Pairs with a comma between; a token may hold an equals sign.
    """
    monkeypatch.setenv("ODYSSEY_SERVICE_TOKENS", text)
    read = Settings(_env_file=None).service_tokens

    assert {name: token.get_secret_value() for name, token in read.items()} == tokens


@pytest.mark.parametrize(
    "text", ["ci", "ci=", "ci=short-secret", f"={TOKEN}", f"a={TOKEN},a={TOKEN}"]
)
def test_what_is_no_pair_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """
    What stands in the wrong place may be a token.
    """
    monkeypatch.setenv("ODYSSEY_SERVICE_TOKENS", text)
    with pytest.raises(ValidationError) as refused:
        Settings(_env_file=None)

    assert "short-secret" not in str(refused.value)
    assert TOKEN not in str(refused.value)
