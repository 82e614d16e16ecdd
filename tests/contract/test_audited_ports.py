"""
Every write of the ports is written down before it and after it, and none is forgotten.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from odyssey.adapters.audit_file import AuditFile
from odyssey.adapters.audit_reader import log_files, read_entries, verify_files
from odyssey.adapters.audited import (
    DELIVERIES_READS,
    DELIVERIES_WRITES,
    GITHUB_READS,
    GITHUB_WRITES,
    REPOSITORIES_READS,
    REPOSITORIES_WRITES,
    audited_github,
    audited_repositories,
    masked,
    methods_of,
    on_behalf_of,
)
from odyssey.domain.audit import Entry, Kind
from odyssey.domain.errors import NotMergeable, PermissionDenied, RateLimited, Unavailable
from odyssey.domain.identifiers import HeadSha, InstallationId, PullRequestRef, RepositoryRef
from odyssey.domain.policy import MergeMethod
from odyssey.ports import Commit, GitHub, Repositories
from odyssey.ports.healing import Deliveries

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
WIDGETS = RepositoryRef(InstallationId(1), "octo-org", "widgets")
PULL = PullRequestRef(WIDGETS, 12)
HEAD = HeadSha("1f3c9d2b8a07e55c0d4f6a91b27e83d5c6f0a419")
TOKEN = "ghu_" + "a1B2" * 9


@dataclass
class Remote:
    """What stands behind the ports: counts, and answers or fails as the test says."""

    answer: Any = None
    error: BaseException | None = None
    calls: int = 0
    seen: list[int] = field(default_factory=list)
    log: Path | None = None

    async def _do(self) -> Any:
        self.calls += 1
        if self.log is not None:
            self.seen.append(len(list(read_entries(log_files(self.log)))))
        if self.error is not None:
            raise self.error
        return self.answer

    async def merge(self, ref: PullRequestRef, **_: Any) -> Any:
        """A write."""
        return await self._do()

    async def post_comment(
        self, repository: RepositoryRef, number: int, body: str, **_: Any
    ) -> Any:
        """A write with text."""
        return await self._do()

    async def approve_as(self, user_token: str, ref: PullRequestRef, **_: Any) -> Any:
        """A write with a token."""
        return await self._do()

    async def push(self, repository: RepositoryRef, commit: Commit, branch: str) -> Any:
        """A write of git."""
        return await self._do()

    async def default_branch(self, repository: RepositoryRef) -> Any:
        """A read."""
        return await self._do()


def github(remote: Remote, folder: Path) -> GitHub:
    """The port over *remote*, its log below *folder*."""
    log = AuditFile(folder, now=lambda: AT)
    return audited_github(cast("GitHub", remote), log, now=lambda: AT)


def entries(folder: Path) -> list[Entry]:
    """What the log says, without how its file begins."""
    return [each for each in read_entries(log_files(folder)) if each.kind is not Kind.OPENED]


async def merge(port: GitHub) -> str:
    """One merge."""
    return await port.merge(
        PULL, head_sha=HEAD, method=MergeMethod.SQUASH, title="Say hello", message="Because."
    )


@pytest.mark.parametrize(
    ("port", "reads", "writes"),
    [
        (GitHub, GITHUB_READS, GITHUB_WRITES),
        (Repositories, REPOSITORIES_READS, REPOSITORIES_WRITES),
        (Deliveries, DELIVERIES_READS, DELIVERIES_WRITES),
    ],
)
def test_every_method_of_a_port_is_listed_as_a_read_or_as_a_write(
    port: type, reads: frozenset[str], writes: frozenset[str]
) -> None:
    """Whoever adds one must say which it is; until then it is written down as a write."""
    assert reads | writes == methods_of(port)
    assert not reads & writes


@pytest.mark.parametrize("port", [GitHub, Repositories])
def test_a_write_takes_the_subject_where_the_log_looks_for_it(port: type) -> None:
    """Each names a repository or a pull request, so that no entry is about nothing."""
    writes = GITHUB_WRITES if port is GitHub else REPOSITORIES_WRITES
    for name in writes:
        parameters = inspect.signature(getattr(port, name)).parameters
        assert {"ref", "repository", "issue"} & set(parameters), name


async def test_the_intent_is_written_before_the_effect_and_the_outcome_after_it(
    tmp_path: Path,
) -> None:
    """When GitHub is asked the log has the intent; then what came of it."""
    remote = Remote(answer="8a07e55c0d4f6a91b27e83d5c6f0a4191f3c9d2b", log=tmp_path)
    with on_behalf_of("mona", delivery="a-guid"):
        sha = await merge(github(remote, tmp_path))

    intent, done = entries(tmp_path)
    assert sha == remote.answer
    assert remote.seen == [2]  # how the file begins, and the intent
    assert (intent.kind, intent.verb, intent.sha) == (Kind.INTENT, "merge", HEAD)
    assert (intent.repository, intent.number) == ("octo-org/widgets", 12)
    assert (intent.actor, intent.delivery) == ("mona", "a-guid")
    assert intent.details["method"] == "squash"
    assert (done.kind, done.intent, done.result) == (Kind.DONE, intent.sequence, sha)
    assert verify_files(log_files(tmp_path)).is_intact


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotMergeable("conflicts"), Kind.FAILED),
        (PermissionDenied("no"), Kind.FAILED),
        (RateLimited("later"), Kind.FAILED),
        (Unavailable("502"), Kind.UNKNOWN),
        (asyncio.CancelledError(), Kind.UNKNOWN),
        (KeyError("a defect"), Kind.UNKNOWN),
    ],
)
async def test_what_did_not_happen_and_what_nobody_knows_are_told_apart(
    tmp_path: Path, error: BaseException, kind: Kind
) -> None:
    """And the error goes on to who asked."""
    with pytest.raises(type(error)):
        await merge(github(Remote(error=error), tmp_path))

    outcome = entries(tmp_path)[-1]
    assert outcome.kind is kind
    assert outcome.reason.startswith(type(error).__name__)


async def test_reads_leave_no_trace(tmp_path: Path) -> None:
    """The log is of effects."""
    await github(Remote(answer="main"), tmp_path).default_branch(WIDGETS)

    assert entries(tmp_path) == []


async def test_a_write_that_nobody_has_listed_is_written_down_all_the_same(tmp_path: Path) -> None:
    """Of what it takes, only digests; the lists are for those who read, not what protects."""

    class Port:
        async def explode(self, repository: RepositoryRef, secret_plan: str) -> None:
            """A new write."""

    class Adapter:
        async def explode(self, repository: RepositoryRef, secret_plan: str) -> None:
            """Made."""

    from odyssey.adapters.audited import _Audited

    port = _Audited(Adapter(), Port, frozenset(), AuditFile(tmp_path, now=lambda: AT), lambda: AT)
    await port.explode(WIDGETS, "swordfish")

    intent, _ = entries(tmp_path)
    assert intent.verb == "explode"
    assert intent.details["secret_plan_length"] == 9
    assert "swordfish" not in log_files(tmp_path)[0].read_text()


async def test_neither_texts_nor_tokens_enter(tmp_path: Path) -> None:
    """Of texts a digest and the length; of tokens nothing; what looks like one is masked."""
    remote = Remote(answer=77)
    port = github(remote, tmp_path)
    await port.post_comment(WIDGETS, 12, "Swordfish", marker="<!-- hidden -->")
    await port.approve_as(TOKEN, PULL, head_sha=HEAD, body="Swordfish")
    remote.error = PermissionDenied(f"Bad credentials: token {TOKEN}")
    with pytest.raises(PermissionDenied):
        await port.approve_as(TOKEN, PULL, head_sha=HEAD, body="Swordfish")

    text = log_files(tmp_path)[0].read_text()
    comment = entries(tmp_path)[0]
    assert comment.details["body_length"] == len("Swordfish")
    assert entries(tmp_path)[1].result == "77"
    for secret in ("Swordfish", TOKEN, TOKEN[4:20], "hidden"):
        assert secret not in text
    assert "[masked: GitHub token]" in text


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN, "ghs_" + "x" * 516, "github_pat_" + "1a" * 41,
        "eyJhbGciOi.eyJpc3MiOi." + "c2ln" * 40,
        "Authorization: Basic eC1hY2Nlc3MtdG9rZW46YWJj", "Bearer 0123456789abcdef-service",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(secret: str) -> None:
    """Tokens of 40 and of 520 characters, JSON web tokens, headers, keys."""
    shown = masked(f"git push failed ({secret}) at last")

    assert secret.split()[-1] not in shown
    assert "[masked: " in shown


async def test_nothing_is_done_that_cannot_be_written_down(tmp_path: Path) -> None:
    """A full disk: GitHub is not asked, and the delivery comes again."""
    (tmp_path / "2026-11-0001.jsonl").symlink_to("/dev/full")
    remote = Remote()

    with pytest.raises(Unavailable, match="No space left"):
        await merge(github(remote, tmp_path))
    assert remote.calls == 0


async def test_an_effect_whose_outcome_cannot_be_written_down_is_unknown_to_the_caller(
    tmp_path: Path,
) -> None:
    """It happened: who called reads it back, as after an answer that was lost."""

    class Filling(Remote):
        async def merge(self, ref: PullRequestRef, **_: Any) -> Any:
            """Merges, while the disk fills up."""
            [path] = log_files(tmp_path)
            path.unlink()
            path.symlink_to("/dev/full")
            return await super()._do()

    remote = Filling(answer="8a07e55")
    with pytest.raises(Unavailable):
        await merge(github(remote, tmp_path))
    assert remote.calls == 1


async def test_of_git_only_what_leaves_this_machine_is_written_down(tmp_path: Path) -> None:
    """A push names the commit and the branch."""
    commit = Commit(sha=HEAD, patch_id="p", paths=("a",), lines=1)
    log = AuditFile(tmp_path, now=lambda: AT)
    port = audited_repositories(cast("Repositories", Remote()), log, now=lambda: AT)
    await port.push(WIDGETS, commit, "proposal/prop_abc23xyz56_x")

    kinds: Sequence[Kind] = [each.kind for each in entries(tmp_path)]
    intent = entries(tmp_path)[0]
    assert kinds == [Kind.INTENT, Kind.DONE]
    assert (intent.sha, intent.branch) == (HEAD, "proposal/prop_abc23xyz56_x")


async def test_whoever_it_is_for_does_not_leak_into_what_runs_beside_it(tmp_path: Path) -> None:
    """Two deliveries at once, each with its own."""
    port = github(Remote(answer=1), tmp_path)

    async def comment(actor: str, number: int) -> None:
        with on_behalf_of(actor):
            for _ in range(5):
                await port.post_comment(WIDGETS, number, "x", marker="m")

    await asyncio.gather(comment("mona", 1), comment("hubot", 2))
    await port.post_comment(WIDGETS, 3, "x", marker="m")

    actors = {(each.number, each.actor) for each in entries(tmp_path)}
    assert actors == {(1, "mona"), (2, "hubot"), (3, "")}
