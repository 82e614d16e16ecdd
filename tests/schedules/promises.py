"""
What must hold when a schedule is over and everything has come to rest.

Everything is read from GitHub's own state; of Odyssey only that it left nothing behind.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

from redis.asyncio import Redis

from odyssey.simulator.git import Git
from odyssey.simulator.mergeability import compute
from odyssey.simulator.state import Comment, PullRequest
from schedules.executor import Verdict, verdict_of
from schedules.stage import Stage
from schedules.truth import Said, dispatched_runs, intent_of, trusted_runs
from schedules.workers import LEASE
from schedules.world import BOT

_ALWAYS_ANSWERED = ("status", "why", "help", "frobnicate", "reject\n", "propose nothing\n")


async def broken_promises(stage: Stage) -> list[str]:
    """Every promise that does not hold, in sentences."""
    found = list(stage.witness.problems)
    for promise in PROMISES:
        found += promise(stage)
    found += await _left_in_redis(stage)
    return found


def _one_pull_request_for_each_intent(stage: Stage) -> Iterator[str]:
    counted = Counter(intent_of(pull) for pull in stage.world.pulls())
    for intent, count in counted.items():
        if intent is None:
            yield "a pull request of Odyssey's is for no change anybody asked for"
        elif count > 1:
            yield f"{'the revert of ' if intent[0] else ''}change {intent[1]} has {count} pulls"


def _one_status_comment(stage: Stage) -> Iterator[str]:
    for pull in stage.world.pulls():
        count = sum("odyssey:status" in each.body for each in _comments(stage, pull.number))
        if count > 1:
            yield f"#{pull.number} has {count} status comments"


def _each_command_answered_once(stage: Stage) -> Iterator[str]:
    for said in stage.said:
        lines = [line for line in said.body.splitlines() if line.startswith("/odyssey")]
        comment = stage.world.repository.comments.get(said.comment_id)
        eyes = [r for r in comment.reactions if r.user.login == BOT] if comment else []
        if comment is None:
            continue  # deleted, and its commands with it if nobody had seen them
        if len(eyes) != 1:
            yield f"comment {said.comment_id} ({lines[0]}) has {len(eyes)} reactions of Odyssey's"
        for index, line in enumerate(lines):
            answers = stage.witness.answers(said, index)
            name = f"{line!r} of {said.by} on #{said.number}"
            if (repeats := stage.witness.repeats(answers)) > 1:
                yield f"{name} was answered {repeats} times"
            elif not answers and not _has_shown_itself(stage, said, line):
                yield f"{name} was neither answered nor carried out"


def _has_shown_itself(stage: Stage, said: Said, line: str) -> bool:
    """Whether a command that nobody answered in words shows in what became of it."""
    if said.intent is not None:
        return any(intent_of(pull) == (False, said.intent) for pull in stage.world.pulls())
    words = line.lower().removeprefix("/odyssey").lstrip() + "\n"
    if words.startswith(_ALWAYS_ANSWERED):
        return False
    pulls = _meant(stage, said)
    if "revert" in line:
        return any((intent_of(pull) or (False, 0))[0] for pull in stage.world.pulls())
    if "approve" in line:
        return any(rules.takes_commands for rules in stage.policies)
    if "update" in line:
        return any(stage.witness.pushes[pull.head_branch] > 1 for pull in pulls)
    if "reject" in line:
        return any(p.issue.state == "closed" or p.number in stage.reopened for p in pulls)
    # validate: another run, or the pull request is not in a state to be validated
    after = stage.world.repository.comments[said.comment_id].created_at
    for pull in pulls:
        if pull.draft or pull.issue.state != "open" or pull.number in stage.reopened:
            return True
        # Of any head: what was pushed since may be kept from being validated.
        if any(run.created_at >= after for run in dispatched_runs(stage.world, pull)):
            return True
    return False


def _meant(stage: Stage, said: Said) -> list[PullRequest]:
    own = stage.world.repository.pulls.get(said.number)
    if own is not None:
        return [own]
    intents = {each.intent for each in stage.said if each.number == said.number}
    return [p for p in stage.world.pulls() if (intent_of(p) or (False, 0))[1] in intents]


def _check_runs_say_what_the_sandbox_said(stage: Stage) -> Iterator[str]:
    world = stage.world
    for pull in world.pulls():
        if pull.issue.state != "open" or not trusted_runs(world, pull):
            continue
        last = trusted_runs(world, pull)[-1]
        passes = (
            last.conclusion == "success"
            and verdict_of(world.repository.git_dir, pull.head_sha) is Verdict.PASS
        )
        mine = [
            each
            for each in world.repository.check_runs.values()
            if each.head_sha == pull.head_sha and each.app is world.scenario.app
        ]
        shown = mine[-1].conclusion if mine else None
        unreadable = not all(rules.is_valid for rules in stage.policies)
        if shown == "action_required" and (pull.draft or unreadable):
            continue  # a draft waits with the run that was asked for; and the policy is named first
        if (shown == "success") != passes:
            yield (
                f"#{pull.number}: the check run says {shown}, the sandbox "
                f"{'passed' if passes else 'did not pass'}"
            )


def _what_may_merge_has_merged(stage: Stage) -> Iterator[str]:
    for pull in stage.world.pulls():
        if pull.issue.state != "open" or stage.witness.obstacles(pull, for_sure=True):
            continue
        if compute(stage.world.repository, pull).clean:
            yield f"#{pull.number} is approved and validated, and was not merged"


def _branches_go_with_their_proposals(stage: Stage) -> Iterator[str]:
    world = stage.world
    refs = Git(world.repository.git_dir).refs("refs/heads/proposal/")
    heads = {f"refs/heads/{pull.head_branch}": pull for pull in world.pulls()}
    for ref, sha in refs.items():
        pull = heads.get(ref)
        if pull is None:
            yield f"{ref} is there without a pull request"
        elif (
            pull.merged
            and pull.merged_by is world.scenario.app.bot
            and sha == pull.head_sha
            and stage.witness.rules(pull).is_valid
        ):
            yield f"{ref} is there although #{pull.number} is merged"


def _only_odyssey_merges(stage: Stage) -> Iterator[str]:
    for pull in stage.world.repository.pulls.values():
        by = pull.merged_by.login if pull.merged_by else ""
        if pull.merged and by == BOT and pull.issue.user.login != BOT:
            yield f"#{pull.number} is not Odyssey's, and Odyssey merged it"


def _no_alarm_was_raised(stage: Stage) -> Iterator[str]:
    if stage.witness.astray:
        return
    for issue in stage.world.repository.issues.values():
        if issue.pull is None and issue.user.login == BOT:
            yield f"Odyssey opened an issue: {issue.title}"


def _nothing_is_on_its_way(stage: Stage) -> Iterator[str]:
    outbox = stage.world.simulator.outbox
    for delivery in outbox.pending:
        yield f"{delivery.name} was never delivered"
    for delivery in outbox.log:
        if delivery.status_code not in (0, 202):
            yield f"{delivery.name} was answered {delivery.status_code}"


def _every_write_is_in_the_audit_log(stage: Stage) -> Iterator[str]:
    announced = stage.world.audit.intents(stage.world.name)
    for verb, count in stage.witness.writes.items():
        if announced[verb] < count:
            yield f"{count} writes of {verb}, and {announced[verb]} of them in the audit log"


def _nobody_complained(stage: Stage) -> Iterator[str]:
    for message in stage.world.complaints.messages:
        if stage.witness.astray and "is not what was approved" in message:
            continue
        yield f"logged as an error: {message}"


async def _left_in_redis(stage: Stage) -> list[str]:
    # arq tidies up behind a job that is done, and a lock may outlive its block by its lease.
    give_up_at = asyncio.get_running_loop().time() + 5 * LEASE.total_seconds()
    while found := await _found_in_redis(stage.world.redis):
        if asyncio.get_running_loop().time() > give_up_at:
            break
        await asyncio.sleep(0.01)
    return found


async def _found_in_redis(redis: Redis) -> list[str]:
    found = []
    for key in await redis.keys("odyssey:lock:*"):
        if not key.endswith((b":free", b":last")):  # the bell, and who held it last
            found.append(f"the lock {key.decode()} is still held")
    for key in await redis.zrange("odyssey:inbox:open", 0, -1):
        found.append(f"the inbox still holds {key.decode()}")
    for key in await redis.zrange("arq:queue", 0, -1):
        if key.startswith(b"delivery:"):  # arq keeps timers there as well
            found.append(f"arq's queue still holds {key.decode()}")
    return found


def _comments(stage: Stage, number: int) -> list[Comment]:
    return [
        each
        for each in stage.world.repository.comments.values()
        if each.issue_number == number and each.user.login == BOT
    ]


PROMISES: tuple[Callable[[Stage], Iterator[str]], ...] = (
    _one_pull_request_for_each_intent,
    _one_status_comment,
    _each_command_answered_once,
    _check_runs_say_what_the_sandbox_said,
    _what_may_merge_has_merged,
    _branches_go_with_their_proposals,
    _only_odyssey_merges,
    _no_alarm_was_raised,
    _every_write_is_in_the_audit_log,
    _nothing_is_on_its_way,
    _nobody_complained,
)
