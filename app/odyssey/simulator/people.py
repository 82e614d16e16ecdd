"""Verbs of a person, played over the real HTTP API and with real git pushes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from odyssey.simulator.git import environment
from odyssey.simulator.loopback import loopback_client
from odyssey.simulator.state import Json, User

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

Verdict = Literal["approve", "request_changes", "comment"]


class PushRefused(Exception):
    """git push failed; the message is what git printed, GitHub's reason included."""


class Person:
    """
    One person with a token of their own.

    Every verb answers the JSON of the API; an answer of 400 and above raises
    `httpx.HTTPStatusError`, with the body in `error.response`.
    """

    def __init__(self, simulator: Simulator, user: User, token: str) -> None:
        self._simulator = simulator
        self.user = user
        self.token = token

    @property
    def login(self) -> str:
        return self.user.login

    async def request(self, method: str, path: str, json: Json | None = None) -> Any:
        """The parsed answer of one API call as this person; None for an empty one."""
        headers = {
            "authorization": f"Bearer {self.token}",
            "accept": "application/vnd.github+json",
            "x-github-api-version": "2026-03-10",
            "user-agent": f"browser-of-{self.login}",
        }
        async with loopback_client(base_url=self._simulator.api_url, headers=headers) as client:
            answer = await client.request(method, path, json=json)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    # Issues and comments

    async def open_issue(self, full_name: str, title: str, body: str = "") -> Json:
        """A new issue."""
        sent = {"title": title, "body": body}
        return await self._json("POST", f"/repos/{full_name}/issues", sent)

    async def comment(self, full_name: str, number: int, body: str) -> Json:
        """A new comment on an issue or pull request."""
        path = f"/repos/{full_name}/issues/{number}/comments"
        return await self._json("POST", path, {"body": body})

    async def edit_comment(self, full_name: str, comment_id: int, body: str) -> Json:
        """Another text for a comment."""
        path = f"/repos/{full_name}/issues/comments/{comment_id}"
        return await self._json("PATCH", path, {"body": body})

    async def close(self, full_name: str, number: int) -> Json:
        """Close an issue or pull request."""
        return await self._json("PATCH", f"/repos/{full_name}/issues/{number}", {"state": "closed"})

    async def reopen(self, full_name: str, number: int) -> Json:
        """Open an issue or pull request again."""
        return await self._json("PATCH", f"/repos/{full_name}/issues/{number}", {"state": "open"})

    async def lock(self, full_name: str, number: int) -> None:
        """Lock a conversation."""
        await self.request("PUT", f"/repos/{full_name}/issues/{number}/lock")

    async def label(self, full_name: str, number: int, *names: str) -> None:
        """Add labels."""
        path = f"/repos/{full_name}/issues/{number}/labels"
        await self.request("POST", path, {"labels": list(names)})

    # Pull requests

    async def open_pull(
        self, full_name: str, head: str, title: str, *, base: str = "main", draft: bool = False
    ) -> Json:
        """A new pull request."""
        sent = {"head": head, "base": base, "title": title, "draft": draft}
        return await self._json("POST", f"/repos/{full_name}/pulls", sent)

    async def review(
        self,
        full_name: str,
        number: int,
        verdict: Verdict,
        body: str = "",
        *,
        commit_id: str | None = None,
    ) -> Json:
        """A review; of the present head unless *commit_id* names an older one."""
        sent: Json = {"event": verdict.upper(), "body": body}
        if verdict != "approve" and not body:
            sent["body"] = "See above."
        if commit_id is not None:
            sent["commit_id"] = commit_id
        return await self._json("POST", f"/repos/{full_name}/pulls/{number}/reviews", sent)

    async def dismiss(self, full_name: str, number: int, review_id: int, message: str) -> Json:
        """Dismiss a review."""
        path = f"/repos/{full_name}/pulls/{number}/reviews/{review_id}/dismissals"
        return await self._json("PUT", path, {"message": message})

    async def merge(self, full_name: str, number: int, *, method: str = "merge") -> Json:
        """Merge a pull request."""
        path = f"/repos/{full_name}/pulls/{number}/merge"
        return await self._json("PUT", path, {"merge_method": method})

    # Git

    async def push(
        self,
        full_name: str,
        branch: str,
        files: Mapping[str, str | None],
        message: str,
        *,
        force: bool = False,
    ) -> str:
        """
        Commit *files* (None deletes one) on *branch* and push it; gives the new SHA.

        A branch that does not exist starts from the default branch; with *force* the commit
        replaces the branch's own last one.

        Raises:
            PushRefused: git or a rule of the branch refused.
        """
        repository = self._simulator.repository(full_name)
        with tempfile.TemporaryDirectory(prefix="person-") as folder:
            clone = Path(folder) / "clone"
            await self._git(Path(folder), "clone", "--quiet", self._remote(full_name), str(clone))
            known = self._simulator.git(repository).find_ref(f"refs/heads/{branch}")
            start = f"origin/{branch}" if known else f"origin/{repository.default_branch}"
            if force and known:
                start += "~1"
            await self._git(clone, "checkout", "--quiet", "--no-track", "-B", branch, start)
            for path, content in files.items():
                target = clone / path
                if content is None:
                    target.unlink()
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_text(content)
            await self._git(clone, "add", "--all")
            await self._git(clone, "commit", "--quiet", "--allow-empty", "-m", message)
            options = ["--force"] if force else []
            await self._git(clone, "push", "--quiet", *options, "origin", f"HEAD:{branch}")
            return (await self._git(clone, "rev-parse", "HEAD")).strip()

    async def delete_branch(self, full_name: str, branch: str) -> None:
        """Delete a branch through the API."""
        await self.request("DELETE", f"/repos/{full_name}/git/refs/heads/{branch}")

    async def _json(self, method: str, path: str, sent: Json) -> Json:
        answer: Json = await self.request(method, path, sent)
        return answer

    def _remote(self, full_name: str) -> str:
        scheme, _, rest = self._simulator.web_url.partition("://")
        return f"{scheme}://{self.login}:{self.token}@{rest}/{full_name}.git"

    async def _git(self, folder: Path, *arguments: str) -> str:
        identity = {
            "GIT_AUTHOR_NAME": self.login,
            "GIT_AUTHOR_EMAIL": self.user.email,
            "GIT_COMMITTER_NAME": self.login,
            "GIT_COMMITTER_EMAIL": self.user.email,
        }
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=folder,
            env={**environment(), **identity},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, complaint = await process.communicate()
        if process.returncode != 0:
            raise PushRefused(complaint.decode(errors="replace"))
        return printed.decode(errors="replace")
