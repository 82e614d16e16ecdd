"""
A repository with an open pull request, and a way to ask the GraphQL API about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from odyssey.simulator import App, Repository, Simulator
from odyssey.simulator.ids import node_id
from odyssey.simulator.state import Issue, PullRequest, Review, ReviewComment, Token, User

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NAME = "ada/engine"
FILES: dict[str, str | bytes] = {
    ".github/odyssey.yml": "approvals: 1\n",
    "engine.py": "ONE = 1\n",
    "picture.png": b"\x89PNG\0\1",
}


@dataclass(slots=True)
class World:
    """
    What the tests of GraphQL share: `ada/engine`, owned by ada, where bob may write, and pull
    request 1 by ada from `feature`, which changes one file and adds one.
    """

    simulator: Simulator
    repository: Repository
    pull: PullRequest
    app: App

    async def ask(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """
        The body of the answer, which must have status 200; asked as ada unless told otherwise.
        """
        answer = await self.post({"query": query, "variables": variables}, token)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def post(self, body: Any, token: str | None = None) -> httpx.Response:
        """
        The raw answer to *body*; the token "" sends none.
        """
        credential = self.simulator.user_token("ada") if token is None else token
        headers = {"authorization": f"bearer {credential}"} if credential else {}
        async with httpx.AsyncClient(base_url=self.simulator.api_url) as client:
            return await client.post("/graphql", json=body, headers=headers)

    def installation_token(self, **permissions: str) -> Token:
        """
        A token of the App with exactly *permissions* on the repository.
        """
        installation = next(
            one for one in self.simulator.state.installations.values() if one.app is self.app
        )
        return self.simulator.mint_token(installation, permissions=permissions)

    def user(self, login: str) -> User:
        """
        The account called *login*.
        """
        found = self.simulator.state.find_user(login)
        assert found is not None
        return found

    def review(self, login: str, state: Any, *, submitted: bool = True) -> Review:
        """
        A review of the present head, added to the state.
        """
        made = Review(
            id=self.simulator.ids.next("review"),
            user=self.user(login),
            body="Seen.",
            state=state,
            commit_id=self.pull.head_sha,
            submitted_at=NOON if submitted else None,
            updated_at=NOON,
        )
        self.pull.reviews.append(made)
        return made

    def thread(self, *, line: int | None = 1) -> str:
        """
        The node id of a new review thread on `engine.py`.
        """
        made = ReviewComment(
            id=self.simulator.ids.next("review_comment"),
            review_id=None,
            user=self.user("bob"),
            body="Why two?",
            path="engine.py",
            commit_id=self.pull.head_sha,
            original_commit_id=self.pull.head_sha,
            diff_hunk="@@ -1 +1 @@",
            created_at=NOON,
            updated_at=NOON,
            line=line,
        )
        self.pull.review_comments.append(made)
        return node_id("PullRequestReviewThread", made.id)


async def build_world(simulator: Simulator) -> World:
    """
    The world above, in a running *simulator*.
    """
    repository = await simulator.add_repository(NAME, FILES)
    simulator.add_user("bob")
    simulator.add_user("eve")
    simulator.add_collaborator(NAME, "bob", "write")
    app = simulator.add_app(
        "odyssey",
        permissions={"contents": "write", "pull_requests": "write", "issues": "write"},
        events=["push", "pull_request", "pull_request_review_thread"],
        webhook_url="http://127.0.0.1:9/unused",
        webhook_secret="secret",
    )
    simulator.install(app, "ada")
    return World(simulator, repository, _open_pull(simulator, repository), app)


def _open_pull(simulator: Simulator, repository: Repository) -> PullRequest:
    git = simulator.git(repository)
    base = git.find_ref("refs/heads/main")
    assert base is not None
    head = git.commit_files(
        {"engine.py": "ONE = 1\nTWO = 2\n", "test_engine.py": "assert True\n"},
        parent=base,
        message="Count to two\n\nBecause one is not enough.",
        author=repository.owner,
        when=NOON,
    )
    git.update_ref("refs/heads/feature", head, None)
    git.update_ref("refs/pull/1/head", head, None)
    number = repository.next_number()
    issue = Issue(
        id=simulator.ids.next("issue"),
        number=number,
        title="Count to two",
        body=None,
        user=repository.owner,
        created_at=NOON,
        updated_at=NOON,
    )
    pull = PullRequest(
        id=simulator.ids.next("pull"),
        issue=issue,
        head_branch="feature",
        head_sha=head,
        base_branch="main",
        base_sha=base,
    )
    issue.pull = pull
    repository.issues[number], repository.pulls[number] = issue, pull
    return pull
