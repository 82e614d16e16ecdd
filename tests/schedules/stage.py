"""
Plays the steps of a schedule: each is what somebody does, or what befalls the machines.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from odyssey.simulator import Fault, secondary_limit, stale_read
from odyssey.simulator.git import Git
from odyssey.simulator.ids import node_id
from odyssey.simulator.state import PullRequest, Token
from odyssey.sweeper import sweep_once
from schedules.executor import VERDICT_FILE, Verdict
from schedules.policies import POLICIES, PROTECTED, Rules
from schedules.steps import Step
from schedules.truth import WORKFLOW_PATH, Said, Witness
from schedules.world import BOT, OTHER_BRANCH, World

MOST_PROPOSALS = 3
"""More make a schedule slow and show nothing that three do not."""

WHO = ("ada", "ben", "dora", "eve")
VERDICTS = (Verdict.PASS, Verdict.PASS, *Verdict)
COMMANDS = (
    "/odyssey validate",
    "/odyssey status",
    "/odyssey reject It is too early.",
    "/odyssey help",
    "/odyssey frobnicate",
    "/odyssey reject",
    "/odyssey propose Nothing",
    "/odyssey validate\n/odyssey status",
    "/odyssey why",
    "/odyssey approve {head}",
    "/odyssey approve {older}",
    "/odyssey update",
    "/odyssey update --rebase",
    "/odyssey revert It did not help.",
)
WRITES = (
    ("POST", r".*/reactions"),
    ("POST", r".*/pulls"),
    ("POST", r".*/dispatches"),
    ("POST", r".*/check-runs"),
    ("PATCH", r".*/check-runs/\d+"),
    ("POST", r".*/issues/\d+/comments"),
    ("PATCH", r".*/issues/comments/\d+"),
    ("PUT", r".*/merge"),
)
CHANGES = {
    "propose", "say", "approve", "object", "dismiss", "push", "force", "delete", "close", "reopen",
    "retarget", "draft", "ready", "unsay", "policy", "base", "demote", "promote", "rerun", "forge",
    "fail", "limit", "revoke",
}  # fmt: skip
"""After one of these an approval by command may be refused for good reason."""
_DRAFT = "mutation($id: ID!) { %s(input: {pullRequestId: $id}) { pullRequest { id } } }"


@dataclass(slots=True)
class Stage:
    """
    One schedule being played.

    `reopened` are the pull requests that somebody reopened, `policies` those that ever held.
    """

    world: World
    witness: Witness
    reopened: set[int] = field(default_factory=set)
    policies: list[Rules] = field(default_factory=lambda: [POLICIES[0]])
    loses_ends: bool = False
    """Whether it was dropped how a run ended, so that Odyssey does not know all it could."""
    holds_ends: bool = False
    approving: set[int] = field(default_factory=set)
    """Comments that approve, since all was quiet and nobody did anything else."""
    _numbers: count[int] = field(default_factory=lambda: count(1))

    @property
    def said(self) -> list[Said]:
        """The comments with commands, oldest first."""
        return self.witness.said

    async def play(self, step: Step) -> None:
        """Plays one step; one that has nothing to act on does nothing."""
        if step.word in CHANGES:
            self.witness.rightful -= self.approving
            self.approving.clear()
        await getattr(self, f"_{step.word}")(*step.numbers)

    def _pull(self, which: int) -> PullRequest | None:
        pulls = self.world.pulls()
        return pulls[which % len(pulls)] if pulls else None

    async def _as(self, who: int, method: str, path: str, json: Any = None) -> Any:
        return await self.world.person(WHO[who], method, path, json)

    # People

    async def _propose(self, who: int, content: int, place: int) -> None:
        if len(self.witness.requesters) == MOST_PROPOSALS:
            return
        intent, verdict = next(self._numbers), VERDICTS[content]
        path = (f"docs/{intent}.md", "shared.md", f"{PROTECTED}{intent}.md")[place]
        blocks = [_block(path, f"Change {intent}.")]
        if verdict is not Verdict.PASS:
            blocks.append(_block(VERDICT_FILE, verdict))
        issue = await self._as(who, "POST", "issues", {"title": f"Wish {intent}", "body": ""})
        if issue is None:
            return
        self.witness.requesters[intent] = WHO[who]
        body = f"/odyssey propose Change {intent}\n\n" + "\n\n".join(blocks)
        await self._comment(who, issue["number"], body, intent)

    async def _comment(self, who: int, number: int, body: str, intent: int | None = None) -> None:
        made = await self._as(who, "POST", f"issues/{number}/comments", {"body": body})
        if made is not None:
            at = datetime.fromisoformat(made["created_at"])
            self.said.append(Said(made["id"], number, WHO[who], body, at, intent))

    async def _say(self, who: int, what: int, where: int, on_issue: int) -> None:
        pull = self._pull(where)
        issues = [n for n, i in self.world.repository.issues.items() if i.pull is None]
        number = pull.number if pull else None
        if on_issue and issues:
            number = issues[where % len(issues)]
        if number is None:
            return
        body = COMMANDS[what]
        if "revert" in body:
            if self.witness.reverter:
                return  # one is enough: whose revert is whose would be anybody's guess
            self.witness.reverter = WHO[who]
        if "{" in body:
            if pull is None:
                return
            # A branch that was set back may end at the first commit there is.
            parents = Git(self.world.repository.git_dir).commit(pull.head_sha).parents
            older = parents[0] if parents else "0123456789ab"
            body = body.format(head=pull.head_sha[:12], older=older[:12])
        await self._comment(who, number, body)
        if pull and pull.number == number and self.said:
            self._note_approval(self.said[-1], pull)

    def _note_approval(self, said: Said, pull: PullRequest) -> None:
        # A command is judged on a second read before it is refused, and not on a third.
        stale = [each for each in self.world.troubles if each.kind == "stale_read"]
        if len(stale) <= 2 and self.witness.approves(said, pull):
            self.approving.add(said.comment_id)
            self.witness.rightful.add(said.comment_id)

    async def _approve(self, who: int, which: int, older: int) -> None:
        if pull := self._pull(which):
            sent = {"event": "APPROVE"}
            if older and pull.reviews:
                sent["commit_id"] = pull.reviews[0].commit_id
            # ada asks for most changes; the others review.
            await self._as((1, 2, 0)[who], "POST", f"pulls/{pull.number}/reviews", sent)

    async def _object(self, who: int, which: int) -> None:
        if pull := self._pull(which):
            sent = {"event": "REQUEST_CHANGES", "body": "Not like this."}
            await self._as((1, 2, 0)[who], "POST", f"pulls/{pull.number}/reviews", sent)

    async def _dismiss(self, which: int) -> None:
        pull = self._pull(which)
        decisive = pull and [
            r for r in pull.reviews if r.state in ("APPROVED", "CHANGES_REQUESTED")
        ]
        if pull and decisive:
            path = f"pulls/{pull.number}/reviews/{decisive[-1].id}/dismissals"
            await self._as(0, "PUT", path, {"message": "It is answered."})

    async def _push(self, who: int, which: int, content: int) -> None:
        if pull := self._pull(which):
            verdict = VERDICTS[content]
            files = {VERDICT_FILE: f"{verdict}\n", f"notes/{next(self._numbers)}.md": "More.\n"}
            await self._commit(who, pull.head_branch, files, force=False)

    async def _force(self, which: int, back: int) -> None:
        if pull := self._pull(which):
            files = {f"notes/{next(self._numbers)}.md": "Anew.\n"}
            if back:  # to an older commit of the branch, if there is one
                git = Git(self.world.repository.git_dir)
                for parent in git.commit(pull.head_sha).parents[:1]:
                    sent = {"sha": parent, "force": True}
                    await self._as(0, "PATCH", f"git/refs/heads/{pull.head_branch}", sent)
            else:
                await self._commit(0, pull.head_branch, files, force=True)

    async def _commit(self, who: int, branch: str, files: dict[str, str], *, force: bool) -> None:
        git = Git(self.world.repository.git_dir)
        tip = git.find_ref(f"refs/heads/{branch}")
        if tip is None:
            return
        parent = git.find_ref("refs/heads/main") if force else tip
        tree = [
            {"path": path, "mode": "100644", "type": "blob", "content": text}
            for path, text in files.items()
        ]
        made = await self._as(who, "POST", "git/trees", {"base_tree": tip, "tree": tree})
        if made is None:
            return
        sent = {"message": "Mend it", "tree": made["sha"], "parents": [parent]}
        commit = await self._as(who, "POST", "git/commits", sent)
        if commit is not None:
            sent = {"sha": commit["sha"], "force": force}
            await self._as(who, "PATCH", f"git/refs/heads/{branch}", sent)

    async def _delete(self, which: int) -> None:
        if pull := self._pull(which):
            await self._as(0, "DELETE", f"git/refs/heads/{pull.head_branch}")

    async def _close(self, which: int) -> None:
        if pull := self._pull(which):
            await self._as(1, "PATCH", f"issues/{pull.number}", {"state": "closed"})

    async def _reopen(self, which: int) -> None:
        if pull := self._pull(which):
            self.reopened.add(pull.number)
            await self._as(1, "PATCH", f"issues/{pull.number}", {"state": "open"})

    async def _retitle(self, which: int) -> None:
        if pull := self._pull(which):
            sent = {"title": "Another title", "body": "Nothing is left of the body."}
            await self._as(1, "PATCH", f"pulls/{pull.number}", sent)

    async def _retarget(self, which: int, back: int) -> None:
        if pull := self._pull(which):
            sent = {"base": "main" if back else OTHER_BRANCH}
            await self._as(0, "PATCH", f"pulls/{pull.number}", sent)

    async def _draft(self, which: int) -> None:
        await self._mutate(which, "convertPullRequestToDraft")

    async def _ready(self, which: int) -> None:
        await self._mutate(which, "markPullRequestReadyForReview")

    async def _mutate(self, which: int, name: str) -> None:
        if pull := self._pull(which):
            sent = {"query": _DRAFT % name, "variables": {"id": node_id("PullRequest", pull.id)}}
            await self.world.ask("ada", "POST", "/graphql", sent)

    async def _edit(self, which: int) -> None:
        # An edited comment is no new command, whatever it says now.
        if self.said:
            said = self.said[which % len(self.said)]
            sent = {"body": "/odyssey reject By an edit."}
            await self._as(0, "PATCH", f"issues/comments/{said.comment_id}", sent)

    async def _unsay(self, which: int) -> None:
        # With the comment goes what it approved; what it started stays.
        if self.said:
            said = self.said[which % len(self.said)]
            await self._as(0, "DELETE", f"issues/comments/{said.comment_id}")

    async def _tidy(self, which: int) -> None:
        # Somebody finds Odyssey's comment a nuisance.
        pull = self._pull(which)
        mine = pull and [
            each
            for each in self.world.repository.comments.values()
            if each.issue_number == pull.number and each.user.login == BOT
        ]
        if mine:
            self.witness.tidied.append(mine[0])
            await self._as(0, "DELETE", f"issues/comments/{mine[0].id}")

    async def _policy(self, which: int) -> None:
        rules = POLICIES[which]
        self.policies.append(rules)
        await self._commit(0, "main", {".github/odyssey.yml": rules.text}, force=False)

    async def _base(self, what: int) -> None:
        number = next(self._numbers)
        path = "shared.md" if what else f"elsewhere/{number}.md"
        await self._commit(1, "main", {path: f"On main, {number}.\n"}, force=False)

    async def _demote(self, who: int) -> None:
        await self._as(0, "PUT", f"collaborators/{WHO[1 + who]}", {"permission": "pull"})

    async def _promote(self, who: int) -> None:
        await self._as(0, "PUT", f"collaborators/{WHO[1 + who]}", {"permission": "push"})

    async def _rerun(self, which: int) -> None:
        runs = [r for r in self.world.simulator.actions.runs.values() if r.is_completed]
        if runs:
            await self._as(0, "POST", f"actions/runs/{runs[which % len(runs)].id}/rerun")

    async def _forge(self, which: int, older: int) -> None:
        # Somebody starts the trusted workflow with Odyssey's own words: it proves nothing.
        runs = list(self.world.simulator.actions.runs.values())
        pull = self._pull(which)
        if pull is None:
            return
        nonce = runs[which % len(runs)].inputs["nonce"] if runs else "0123456789abcdef"
        proposal_id = pull.head_branch.partition("/")[2][:15]
        sent = {
            "ref": "main" if not older else OTHER_BRANCH,
            "inputs": {"proposal_id": proposal_id, "head_sha": pull.head_sha, "nonce": nonce},
        }
        name = WORKFLOW_PATH.rpartition("/")[2]
        await self._as(1, "POST", f"actions/workflows/{name}/dispatches", sent)

    # The network and GitHub

    def _first(self, many: int) -> tuple[Any, bool]:
        """The predicate of the deliveries that come next, and whether one tells of a run's end."""
        chosen = self.world.simulator.outbox.due()[: many + 1]
        tells_of_end = any(each.name == "workflow_run.completed" for each in chosen)
        return lambda delivery: any(delivery is each for each in chosen), tells_of_end

    async def _drop(self, many: int) -> None:
        which, tells_of_end = self._first(many)
        self.loses_ends |= tells_of_end
        self.world.simulator.outbox.drop(which)

    async def _double(self, many: int) -> None:
        self.world.simulator.outbox.repeat(self._first(many)[0])

    async def _hold(self, many: int) -> None:
        which, tells_of_end = self._first(many)
        self.holds_ends |= tells_of_end
        self.world.simulator.outbox.hold(which)

    async def _free(self) -> None:
        self.holds_ends = False
        self.world.simulator.outbox.release()

    async def _reverse(self) -> None:
        self.world.simulator.outbox.reorder(lambda delivery: -delivery.id)

    async def _fail(self, which: int, after: int) -> None:
        method, path = WRITES[which]
        self.world.troubles.append(
            Fault(method, path, when="after_effect" if after else "before_effect")
        )

    async def _limit(self, which: int) -> None:
        method, path = WRITES[which]
        self.world.troubles.append(secondary_limit(path, method=method, retry_after=1))

    async def _stale(self, times: int) -> None:
        for _ in range(times + 1):
            fault = stale_read(r"/graphql")
            fault.method = "POST"
            self.world.troubles.append(fault)

    async def _expire(self) -> None:
        # GitHub's clock is not Odyssey's: the tokens end before Odyssey expects it.
        for token in self._tokens():
            token.expires_at = self.world.simulator.clock()

    async def _revoke(self) -> None:
        for token in self._tokens():
            token.revoked = True

    def _tokens(self) -> list[Token]:
        tokens = self.world.simulator.state.tokens.values()
        return [each for each in tokens if each.installation is self.world.scenario.installation]

    async def _halt(self) -> None:
        self.world.executor.hold()

    async def _go(self) -> None:
        self.world.executor.release()

    # Time and the workers

    async def _deliver(self, many: int) -> None:
        for _ in range(many + 1):
            await self.world.simulator.outbox.deliver_next()

    async def _work(self, many: int, place: int) -> None:
        await self.world.simulator.outbox.deliver_all()
        await self.world.advance(many + 1, (None, 0, 1)[place])

    async def _settle(self) -> None:
        self.world.executor.release()
        await self.world.revive()
        await self.world.settle()
        self.approving.clear()
        if not self.loses_ends and not self.holds_ends:
            self.witness.all_is_told()
        for hand in self.world.hands:
            hand.door.close()

    async def _kill(self, place: int, with_effect: int) -> None:
        await self.world.kill(place, with_effect=bool(with_effect))

    async def _hire(self, place: int) -> None:
        if self.world.hands[place].is_dead:
            await self.world.hire(place)
            self.world.hands[place].door.close()

    # The end

    async def end(self) -> None:
        """
        Trouble is over: what was held arrives, and Odyssey's own sweeps find what was lost.

        The sweeps believe it to be some hours later, so that nothing is too young for them.
        """
        world, simulator = self.world, self.world.simulator
        world.troubles.clear()
        simulator.outbox.release()
        world.executor.release()
        await world.revive()
        await world.settle()
        for hours in (1, 1, 8):
            later = replace(world.scenario.ports, now=partial(_in_hours, hours))
            await sweep_once(later)
            await world.settle()


def _in_hours(hours: int) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def _block(path: str, text: str) -> str:
    return f"`{path}`\n```\n{text}\n```"
