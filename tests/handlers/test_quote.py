"""
What was learnt, and what is in the archive, are shown in the threads beside what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from contract.memory.hashing import HashingEmbedder
from contract.notebook.written import write_observations
from handlers.conftest import Desk
from odyssey.adapters.notebook.database import Notebooks
from odyssey.adapters.notebook.observations import SqliteObservations
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.change import Files
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.observation import Observation, Source, deleted, updated
from odyssey.domain.memory.record import Record, Tenant, Trust
from odyssey.domain.memory.scope import REPOSITORY as EVERYBODY
from odyssey.domain.memory.scope import Scope
from odyssey.domain.proposal_text import pull_request_body
from odyssey.handlers.memory.archival import Passage, insert_passage
from odyssey.handlers.memory.index import index_observations
from odyssey.handlers.obey import obey
from odyssey.handlers.propose import propose
from odyssey.handlers.recognise import find_advice
from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports

COMMENT = "https://github.com/acme/greeter/issues/1#issuecomment-{}"


async def believe(desk: Desk, ports: Ports, text: str, *, scope: str = "repository") -> Observation:
    """An observation that rests on two comments, retained and written as consolidation does."""
    now = ports.now()
    records = [
        Record(
            id=f"c{number}",
            kind="comment",
            text="Unrelated words.",
            occurred_at=now - timedelta(days=number),
            trust=Trust.PERSON,
            source=COMMENT.format(number),
            actor="ada",
        )
        for number in (1, 2)
    ]
    await ports.memory.retain(tenant_of(desk.repository), records)
    one = Observation(
        key=f"o-{scope}",
        version=1,
        text=text,
        sources=tuple(sorted(Source(each.occurred_at, each.id) for each in records)),
        confidence=0.9,
        scope=scope,
        created_at=now,
    )
    await write(desk, ports, [one])
    return one


async def write(desk: Desk, ports: Ports, versions: Sequence[Observation]) -> None:
    """Writes versions of one scope and brings them to the shelf."""
    tenant, derived = tenant_of(desk.repository), ports.derived
    await write_observations(
        tenant, versions, jobs=derived.jobs, observations=derived.observations, now=ports.now()
    )
    await index_observations(tenant, ports)


async def asked(desk: Desk, body: str) -> str:
    """The one answer to a comment."""
    event = await desk.commented(body)
    await obey(event, desk.ports)
    (answer,) = await desk.answers(event.number)
    return answer


async def test_recall_tells_what_was_learnt_and_on_what_it_rests(desk: Desk) -> None:
    """
    Under its own heading, with proof, trend, date and links, quoted, with who vouches for it.
    """
    one = await believe(desk, desk.ports, "The greeting is in @ben's care. Fixes #1.")
    told = await asked(desk, "/odyssey recall Who cares for the greeting?")

    head = f"- {one.sources[-1].occurred_at:%Y-%m-%d} **observation** from 2 records"
    assert f"Learnt from what happened:\n\n{head}" in told
    assert f"([1]({COMMENT.format(1)}), [2]({COMMENT.format(2)})), new, said by a program" in told
    assert "  > The greeting is in @&#8203;ben's care. Fixes #&#8203;1." in told


async def test_recall_tells_only_what_is_believed_now_and_by_everybody(desk: Desk) -> None:
    """
    No older version, nothing that was deleted, nothing that is one person's.
    """
    first = await believe(desk, desk.ports, "The greeting is in French")
    await believe(desk, desk.ports, "The greeting annoys ada", scope="person:ada")
    later, old = updated(
        first, text="The greeting is in German", sources=[], confidence=0.9, at=desk.ports.now()
    )
    await write(desk, desk.ports, [later, old])
    changed = await asked(desk, "/odyssey recall the greeting")
    await write(desk, desk.ports, deleted(later, reason="gone", at=desk.ports.now()))
    gone = await asked(desk, "/odyssey recall the greeting")

    assert "in German" in changed
    assert "in French" not in changed
    assert "annoys" not in changed
    assert "memory holds nothing about" in gone


async def test_recall_looks_into_the_archive(desk: Desk) -> None:
    """
    The repository's; what one person put away for themselves stays there.
    """
    tenant = tenant_of(desk.repository)
    for scope, text in (
        (EVERYBODY, "The greeting was chosen by vote"),
        (Scope.of_person("ada"), "My greeting lost the vote"),
    ):
        passage = Passage(text=text, trust=Trust.PERSON, actor="ada")
        await insert_passage(passage, tenant, desk.ports, scope=scope)
    told = await asked(desk, "/odyssey recall the vote on the greeting")

    assert "In the archive:\n\n- " in told
    assert "**ada**, said by a person" in told
    assert "  > The greeting was chosen by vote" in told
    assert "My greeting" not in told


async def test_a_proposal_shows_the_observations_that_bear_on_it(
    desk: Desk, tmp_path: Path
) -> None:
    """
    By the cosine that notes are shown by; one about something else is left out.
    """
    memory = SqliteMemory(tmp_path / "embedded", HashingEmbedder(), now=desk.ports.now)
    ports = replace(desk.ports, memory=memory)
    await believe(desk, ports, "Mend the greeting in files src/app.py")
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    near, _ = await find_advice(proposal, ports)
    body = pull_request_body(proposal, notes=near)
    elsewhere = replace(proposal, commit_message="Zebras graze quietly", paths=("docs/zoo.md",))
    far, _ = await find_advice(elsewhere, ports)
    await memory.close()

    assert "**observation** from 2 records" in body
    assert "  > Mend the greeting in files src/app.py" in body
    assert not far


class _Away(SqliteObservations):
    """A notebook that cannot be read."""

    async def present(self, tenant: Tenant, scope: str) -> dict[str, Observation]:
        """Never."""
        raise Unavailable("the notebook is held by another process")


async def test_a_proposal_does_without_observations_that_cannot_be_read(
    desk: Desk, tmp_path: Path
) -> None:
    """
    They decide nothing, so nobody waits for them.
    """
    away = _Away(Notebooks(tmp_path / "away", ()))
    ports = replace(desk.ports, derived=replace(desk.ports.derived, observations=away))
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), ports)

    assert proposal.pull_number is not None
