"""
Whose memory it is, and what a record may be.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.record import Record, Tenant, Trust, check_where

_LOGIN = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})", fullmatch=True)
_NAME = st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True)


@given(st.integers(0, 2**63 - 1), _LOGIN, _NAME)
def test_a_tenant_names_a_file_and_a_weaviate_tenant(
    installation_id: int, owner: str, name: str
) -> None:
    """However long the repository's name is."""
    tenant = Tenant.of(installation_id, f"{owner}/{name}")

    assert len(tenant.name) <= 64
    assert Tenant(tenant.name) == tenant


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((1, "a/b.c"), (1, "a/b-c")),
        ((1, "a/b"), (2, "a/b")),
        ((1, "a/" + "x" * 99), (1, "a/" + "x" * 100)),
        ((1, "a-b/c"), (1, "a/b-c")),
    ],
)
def test_two_repositories_are_two_tenants(left: tuple[int, str], right: tuple[int, str]) -> None:
    """Also where their readable parts are the same."""
    assert Tenant.of(*left) != Tenant.of(*right)


def test_a_repository_is_one_tenant_in_any_letter_case() -> None:
    """GitHub takes `Acme/Shop` and `acme/shop` for one."""
    assert Tenant.of(1, "Acme/Shop") == Tenant.of(1, "acme/shop")


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a b", "x" * 65, "inst-1/2"])
def test_a_tenant_cannot_name_another_place(name: str) -> None:
    """A tenant is a file's name: no separator, no dot."""
    with pytest.raises(ValueError, match="is no tenant"):
        Tenant(name)


@pytest.mark.parametrize("full_name", ["", "acme", "/shop", "acme/"])
def test_a_tenant_needs_owner_and_name(full_name: str) -> None:
    """Half a repository is nobody's memory."""
    with pytest.raises(ValueError, match="owner/name"):
        Tenant.of(1, full_name)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"id": ""}, "1 to 200 characters"),
        ({"kind": ""}, "no kind"),
        ({"occurred_at": datetime(2026, 1, 1)}, "no time zone"),  # noqa: DTZ001 - the mistake itself
        ({"attributes": {"Patch Id": "x"}}, "lower-case"),
        ({"text": "x" * 4_000_001}, "keep at most"),
    ],
)
def test_a_record_that_cannot_be_kept_says_why(wrong: dict[str, Any], said: str) -> None:
    """At once, where it is made."""
    right: dict[str, Any] = {
        "id": "1",
        "kind": "comment",
        "text": "x",
        "occurred_at": datetime.now(UTC),
        "trust": Trust.PERSON,
        "source": "https://x.test",
    }

    with pytest.raises(ValueError, match=said):
        Record(**{**right, **wrong})


def test_a_filter_that_cannot_be_asked_for_names_those_that_can() -> None:
    """So that the typing error is found."""
    check_where({"patch_id": "x", "actor": "ada"})

    with pytest.raises(ValueError, match=r"'patchid'.*patch_id"):
        check_where({"patchid": "x"})
