"""
Jobs in a notebook: leases with proof, attempts, dead letters.

The functions work on a connection inside a transaction, so that a job can be finished in
the same transaction that writes its results. `job_queue` has them for every tenant.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from odyssey.adapters.notebook import learning
from odyssey.adapters.notebook.database import Gone, Part
from odyssey.domain.errors import LeaseLost
from odyssey.domain.memory.jobs import FARTHEST, KEPT, Counters, Job, JobKind, JobState

_STEPS = (
    """
    CREATE TABLE job (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        payload TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        not_before REAL NOT NULL,
        lease_until REAL NOT NULL,
        token TEXT NOT NULL,
        reason TEXT NOT NULL,
        result TEXT NOT NULL,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX job_waiting ON job (kind, key) WHERE state = 'waiting'",
    "CREATE INDEX job_due ON job (state, not_before)",
)

_COLUMNS = (
    "id, kind, key, payload, state, attempts, not_before, created_at, updated_at, token, reason,"
    " result"
)


def ask(
    connection: sqlite3.Connection,
    kind: JobKind,
    *,
    now: datetime,
    key: str = "",
    payload: Mapping[str, Any] | None = None,
    not_before: datetime | None = None,
) -> str:
    """The id of the waiting job of this kind and key, which is made if there is none."""
    waiting = connection.execute(
        "SELECT id FROM job WHERE kind = ? AND key = ? AND state = 'waiting'", (kind.value, key)
    ).fetchone()
    if waiting:
        return str(waiting[0])
    connection.execute(
        # Dead letters of summaries hold conversations; those of the others only ids.
        "DELETE FROM job WHERE updated_at < ? AND (state = 'done'"
        " OR state = 'dead' AND kind IN ('summarise', 'deliver'))",
        ((now - KEPT).timestamp(),),
    )
    job_id = f"job_{secrets.token_hex(8)}"
    connection.execute(
        "INSERT INTO job VALUES (?, ?, ?, ?, 'waiting', 0, ?, 0, '', '', '{}', ?, ?)",
        (
            job_id, kind.value, key, json.dumps(dict(payload or {})),
            (not_before or now).timestamp(), now.timestamp(), now.timestamp(),
        ),
    )  # fmt: skip
    return job_id


def take(
    connection: sqlite3.Connection,
    kinds: Collection[JobKind],
    *,
    now: datetime,
    lease: timedelta,
) -> Job | None:
    """
    The next job that is due. What dead processes held is handed out again, or is a dead letter.
    """
    _recover(connection, now=now)
    alone = [kind.value for kind in JobKind if kind.is_alone]
    is_busy = connection.execute(
        f"SELECT 1 FROM job WHERE state = 'leased' AND kind IN ({_marks(alone)})",  # noqa: S608 - question marks
        alone,
    ).fetchone()
    wanted = [kind.value for kind in kinds if not (is_busy and kind.is_alone)]
    row = connection.execute(
        f"SELECT id FROM job WHERE state = 'waiting' AND (not_before <= ? OR not_before > ?)"  # noqa: S608 - question marks
        f" AND kind IN ({_marks(wanted)}) ORDER BY not_before, created_at, rowid LIMIT 1",
        (now.timestamp(), (now + FARTHEST).timestamp(), *wanted),
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        "UPDATE job SET state = 'leased', attempts = attempts + 1, token = ?, lease_until = ?,"
        " updated_at = ? WHERE id = ?",
        (secrets.token_hex(8), (now + lease).timestamp(), now.timestamp(), row[0]),
    )
    return find(connection, str(row[0]))


def check(connection: sqlite3.Connection, job: Job) -> None:
    """
    Passes the holder of the job's lease.

    Raises:
        LeaseLost: the lease was over and the job was handed to another.
    """
    row = connection.execute(
        "SELECT 1 FROM job WHERE id = ? AND state = 'leased' AND token = ?", (job.id, job.token)
    ).fetchone()
    if row is None:
        raise LeaseLost(f"job {job.id} ({job.kind}) was handed to another; nothing is written")


def finish(
    connection: sqlite3.Connection,
    job: Job,
    *,
    now: datetime,
    result: Mapping[str, Any] | None = None,
) -> None:
    """Notes that the job is done; its payload is deleted."""
    check(connection, job)
    connection.execute(
        "UPDATE job SET state = 'done', reason = '', payload = '{}', result = ?, updated_at = ?"
        " WHERE id = ?",
        (json.dumps(dict(result or {})), now.timestamp(), job.id),
    )


def again(
    connection: sqlite3.Connection,
    job: Job,
    reason: str,
    *,
    wait: timedelta,
    now: datetime,
    counts: bool = True,
    is_final: bool = False,
) -> Job:
    """Hands the job back, or makes a dead letter of it; the job as it stands then."""
    check(connection, job)
    _hand_back(
        connection, job, reason, not_before=now + wait, now=now, counts=counts, is_final=is_final
    )
    found = find(connection, job.id)
    assert found is not None  # only what is done is deleted
    return found


def revive(connection: sqlite3.Connection, *, now: datetime) -> int:
    """Gives dead letters their attempts again, and the records they held."""
    dead = connection.execute("SELECT id, kind, key FROM job WHERE state = 'dead'").fetchall()
    learning.revive(connection)
    for job_id, kind, key in dead:
        if _is_asked(connection, kind, key):
            connection.execute("DELETE FROM job WHERE id = ?", (job_id,))
        else:
            connection.execute(
                "UPDATE job SET state = 'waiting', attempts = 0, not_before = ?, reason = '',"
                " updated_at = ? WHERE id = ?",
                (now.timestamp(), now.timestamp(), job_id),
            )
    return len(dead)


def next_at(connection: sqlite3.Connection, kinds: Collection[JobKind]) -> datetime | None:
    """When the next job of these kinds is due; None when none waits."""
    values = [kind.value for kind in kinds]
    row = connection.execute(
        "SELECT min(not_before) FROM job WHERE state = 'waiting'"  # noqa: S608 - question marks
        f" AND kind IN ({_marks(values)})",
        values,
    ).fetchone()
    return None if row[0] is None else _time(row[0])


def _recover(connection: sqlite3.Connection, *, now: datetime) -> None:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM job WHERE state = 'leased'"  # noqa: S608 - own names
        " AND (lease_until < ? OR lease_until > ?)",
        (now.timestamp(), (now + FARTHEST).timestamp()),
    ).fetchall()
    for row in rows:
        job = _job(row)
        reason = f"the process that worked on it ended {job.attempts} times before it was done"
        _hand_back(connection, job, reason, not_before=now, now=now, counts=True)


def _hand_back(
    connection: sqlite3.Connection,
    job: Job,
    reason: str,
    *,
    not_before: datetime,
    now: datetime,
    counts: bool,
    is_final: bool = False,
) -> None:
    is_dead = is_final or (counts and job.is_last_attempt)
    if is_dead:
        learning.fail(connection, [str(each) for each in job.payload.get("records", ())])
    else:
        # This one does the work of one that was asked for meanwhile, and counts on.
        connection.execute(
            "DELETE FROM job WHERE kind = ? AND key = ? AND state = 'waiting'",
            (job.kind.value, job.key),
        )
    connection.execute(
        "UPDATE job SET state = ?, attempts = ?, reason = ?, not_before = ?, token = '',"
        " updated_at = ? WHERE id = ?",
        (
            JobState.DEAD if is_dead else JobState.WAITING,
            job.attempts - (not counts),
            reason[:1_000],
            not_before.timestamp(),
            now.timestamp(),
            job.id,
        ),
    )


def _is_asked(connection: sqlite3.Connection, kind: str, key: str) -> bool:
    return bool(
        connection.execute(
            "SELECT 1 FROM job WHERE kind = ? AND key = ? AND state = 'waiting'", (kind, key)
        ).fetchone()
    )


def find(connection: sqlite3.Connection, job_id: str) -> Job | None:
    """The job with this id."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM job WHERE id = ?",  # noqa: S608 - own names
        (job_id,),
    ).fetchone()
    return _job(row) if row else None


def _job(row: tuple[Any, ...]) -> Job:
    return Job(
        id=row[0],
        kind=JobKind(row[1]),
        key=row[2],
        payload=json.loads(row[3]),
        state=JobState(row[4]),
        attempts=row[5],
        not_before=_time(row[6]),
        created_at=_time(row[7]),
        updated_at=_time(row[8]),
        token=row[9],
        reason=row[10],
        result=json.loads(row[11]),
    )


def counters(connection: sqlite3.Connection) -> Counters:
    """How many jobs there are."""
    jobs: dict[str, dict[str, int]] = {kind.value: {} for kind in JobKind}
    for kind, state, count in connection.execute(
        "SELECT kind, state, count(*) FROM job GROUP BY kind, state"
    ):
        jobs[kind][state] = count
    oldest = connection.execute(
        "SELECT min(created_at) FROM job WHERE state = 'waiting'"
    ).fetchone()[0]
    reasons = connection.execute(
        "SELECT reason FROM job WHERE state = 'dead' ORDER BY updated_at DESC LIMIT 5"
    ).fetchall()
    unlearnt, failed = learning.count(connection)
    unindexed = connection.execute("SELECT count(*) FROM observation_unindexed").fetchone()[0]
    return Counters(
        jobs=jobs,
        oldest_waiting_at=None if oldest is None else _time(oldest),
        unlearnt=unlearnt,
        failed=failed,
        unindexed=unindexed,
        dead_reasons=tuple(reason for (reason,) in reasons),
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _marks(values: Collection[Any]) -> str:
    return ", ".join("?" * len(values))


def _forget(connection: sqlite3.Connection, gone: Gone) -> list[str]:
    """A person's own conversations may wait in a job to be summarised."""
    if gone.person is not None:
        connection.execute(_OF_SCOPE.format("DELETE"), (f"person:{gone.person}",))
    return []


def _left(connection: sqlite3.Connection, gone: Gone) -> int:
    if gone.person is None:
        return 0
    row = connection.execute(_OF_SCOPE.format("SELECT count(*)"), (f"person:{gone.person}",))
    return int(row.fetchone()[0])


_OF_SCOPE = "{} FROM job WHERE json_extract(payload, '$.scope') = ?"

PART = Part(name="job", steps=_STEPS, forget=_forget, left=_left)
