"""The simulator's public face: start it, fill it, ask what it knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from odyssey.simulator import webhooks
from odyssey.simulator.actions import Actions
from odyssey.simulator.actions.executor import RunExecutor
from odyssey.simulator.application import build_application
from odyssey.simulator.blobs import BlobStore
from odyssey.simulator.faults import FaultBoard
from odyssey.simulator.gateway import Call, Limits, Observer
from odyssey.simulator.git import Git
from odyssey.simulator.hosting import Host
from odyssey.simulator.ids import Ids
from odyssey.simulator.outbox import Outbox
from odyssey.simulator.people import Person
from odyssey.simulator.permissions import ROLES
from odyssey.simulator.protection import classic_protection
from odyssey.simulator.referee import Referee
from odyssey.simulator.settling import settle
from odyssey.simulator.state import (
    App,
    Installation,
    Json,
    Label,
    Repository,
    State,
    Token,
    User,
)
from odyssey.simulator.teams import Team
from odyssey.simulator.tokens import TokenForm, installation_token, new_key_pair, personal_token

TOKEN_LIFETIME = timedelta(hours=1)
# The App behind GITHUB_TOKEN on github.com: https://api.github.com/apps/github-actions
ACTIONS_APP_ID = 15368
_DEFAULT_LABELS = {"bug": "d73a4a", "documentation": "0075ca", "enhancement": "a2eeef"}


def _now() -> datetime:
    return datetime.now(UTC)


class Simulator:
    """
    One GitHub on loopback, from `async with` until the block ends.

    Everything is in memory but the bare repositories below *root*. *clock*
    replaces the time that tokens, events and limits go by, *executor* act.
    """

    def __init__(
        self,
        root: Path,
        *,
        clock: Callable[[], datetime] | None = None,
        port: int = 0,
        observers: Sequence[Observer] = (),
        local_actions: Mapping[str, Path] | None = None,
        token_form: TokenForm = "classic",  # noqa: S107  a form of tokens, not a token
        executor: RunExecutor | None = None,
    ) -> None:
        self.root = root
        self.clock = clock or _now
        self.observers = list(observers)
        self.local_actions = dict(local_actions or {})
        self.token_form: TokenForm = token_form
        self.state = State()
        self.ids = Ids()
        self.faults = FaultBoard()
        self.limits = Limits()
        self.outbox = Outbox(self.ids, self.clock, self.faults)
        self.blobs = BlobStore(self.clock)
        self.referee = Referee(self)
        self.calls: list[Call] = []
        self.listeners: list[Callable[[webhooks.Event], None]] = []
        self.serial = 0
        self.app_approvals_count = False
        self.lazy_mergeability = True
        self._host = Host(port)
        self._blob_host = Host()
        self.api_url = self.web_url = self._host.url
        self.blob_url = self.blobs.url = self._blob_host.url
        self.ghost = self._new_user("ghost", "User")
        self.actions_app = self._new_actions_app()
        self.actions = Actions(self, executor=executor)
        self.application = build_application(self)

    async def __aenter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        await self.referee.start()
        await self._host.start(self.application.state.gateway)
        await self._blob_host.start(self.blobs.build_app())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop serving and close what is open; the repositories stay on disk."""
        await self.actions.close()
        await self.outbox.aclose()
        await self._host.stop()
        await self._blob_host.stop()
        await self.referee.stop()

    # Accounts and Apps

    def add_user(
        self, login: str, *, kind: Literal["User", "Bot", "Organization"] = "User"
    ) -> User:
        """The account *login*, made now; ValueError when the name is taken."""
        if self.state.find_user(login) is not None:
            raise ValueError(f"the login {login} is taken in the simulator; choose another")
        return self._new_user(login, kind)

    def user_token(self, login: str) -> str:
        """A new personal access token of *login*."""
        user = self._user(login)
        token = Token(personal_token(), user)
        self.state.tokens[token.value] = token
        return token.value

    def add_app(
        self,
        slug: str,
        *,
        permissions: Mapping[str, str],
        events: Sequence[str],
        webhook_url: str,
        webhook_secret: str,
        owner: str | None = None,
    ) -> App:
        """A registered App with a fresh key; its bot is `<slug>[bot]`."""
        private, public = new_key_pair()
        app_id = self.ids.next("app")
        app = App(
            app_id=app_id,
            client_id=f"Iv23li{app_id:014d}",
            slug=slug,
            owner=self._user(owner) if owner else self.ghost,
            bot=self._new_user(f"{slug}[bot]", "Bot"),
            private_key=private,
            public_key=public,
            permissions=dict(permissions),
            events=list(events),
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
            hook_id=self.ids.next("hook"),
            created_at=self.clock(),
        )
        self.state.apps[app_id] = app
        return app

    def install(
        self, app: App, account: str, repositories: Sequence[str] | None = None
    ) -> Installation:
        """
        *app* on *account*, for the repositories named (`name` or `owner/name`); None: for all.

        Sends `installation.created` to the App.
        """
        owner = self._user(account)
        chosen: set[int] | None = None
        if repositories is not None:
            names = [name.rpartition("/")[2] for name in repositories]
            chosen = {self.state.repository(owner.login, name).id for name in names}
        installation = Installation(
            installation_id=self.ids.next("installation"),
            app=app,
            account=owner,
            permissions=dict(app.permissions),
            events=list(app.events),
            repository_ids=chosen,
            created_at=self.clock(),
        )
        self.state.installations[installation.installation_id] = installation
        webhooks.installation_created(self, installation)
        return installation

    def suspend(self, installation: Installation, *, by: str | None = None) -> None:
        """Suspend *installation*: its tokens are refused from now on."""
        installation.suspended_at = self.clock()
        installation.suspended_by = self._user(by) if by else installation.account

    def mint_token(
        self,
        installation: Installation,
        *,
        permissions: Mapping[str, str] | None = None,
        repository_ids: frozenset[int] | None = None,
        form: TokenForm | None = None,
    ) -> Token:
        """An installation access token that lives an hour; asked narrowing is not judged here."""
        expires_at = self.clock() + TOKEN_LIFETIME
        app_id = installation.app.app_id
        token = Token(
            installation_token(form or self.token_form, app_id, expires_at),
            installation.app.bot,
            installation=installation,
            permissions=dict(installation.permissions if permissions is None else permissions),
            repository_ids=repository_ids,
            expires_at=expires_at,
        )
        self.state.tokens[token.value] = token
        return token

    def mint_actions_token(
        self, repository: Repository, permissions: Mapping[str, str], run_id: int
    ) -> str:
        """The GITHUB_TOKEN of run *run_id*: acts as github-actions[bot] on *repository* only."""
        installation = Installation(
            installation_id=self.ids.next("installation"),
            app=self.actions_app,
            account=repository.owner,
            permissions=dict(permissions),
            events=[],
            repository_ids={repository.id},
            created_at=self.clock(),
        )
        token = self.mint_token(installation)
        token.run_id = run_id
        return token.value

    # Repositories

    async def add_repository(
        self,
        full_name: str,
        files: Mapping[str, str | bytes],
        *,
        default_branch: str = "main",
        executable: Sequence[str] = (),
        private: bool = True,
    ) -> Repository:
        """The repository *full_name* with one commit that holds *files*; its owner is made too."""
        login, _, name = full_name.partition("/")
        owner = self.state.find_user(login) or self._new_user(login, "User")
        if self.state.find_repository(login, name) is not None:
            raise ValueError(f"the simulator has a repository {full_name} already")
        git_dir = self.root / login / f"{name}.git"
        git = Git(git_dir)
        git.create(default_branch, hook=self.referee.hook())
        now = self.clock()
        repository = Repository(
            id=self.ids.next("repository"),
            owner=owner,
            name=name,
            git_dir=git_dir,
            default_branch=default_branch,
            created_at=now,
            updated_at=now,
            pushed_at=now,
            private=private,
        )
        for label, color in _DEFAULT_LABELS.items():
            repository.labels[label] = Label(self.ids.next("label"), label, color)
        if files:
            head = git.commit_files(
                files,
                parent=None,
                message="Initial commit",
                author=owner,
                when=now,
                executable=executable,
            )
            git.update_ref(f"refs/heads/{default_branch}", head, None)
        self.state.repositories[repository.id] = repository
        return repository

    def add_collaborator(self, full_name: str, login: str, permission: str) -> None:
        """Give *login* a role on *full_name*: read, triage, write, maintain or admin."""
        if permission not in ROLES:
            raise ValueError(f"{permission} is no role; use one of {', '.join(ROLES[1:])}")
        self.repository(full_name).collaborators[self._user(login).id] = permission

    def add_team(self, organization: str, slug: str, members: Sequence[str]) -> Team:
        """The team *slug* of *organization* with these people in it."""
        ids = {self._user(login).id: "member" for login in members}
        team = Team(slug, ids)
        self.state.teams[f"{organization}/{slug}".lower()] = team
        return team

    def protect(self, full_name: str, branch: str, **rules: Any) -> Json:
        """
        Classic protection of *branch*; gives the rules as they are kept.

        Keywords: `approvals`, `dismiss_stale`, `last_push_approval`, `checks` (names, or
        (name, app_id) pairs), `strict`, `conversation_resolution`, `linear_history`,
        `enforce_admins`, `allow_force_pushes`, `allow_deletions`.
        """
        protection = classic_protection(**rules)
        self.repository(full_name).protections[branch] = protection
        return protection

    def repository(self, full_name: str) -> Repository:
        """The repository `owner/name`; LookupError when there is none."""
        owner, _, name = full_name.partition("/")
        return self.state.repository(owner, name)

    def git(self, repository: Repository) -> Git:
        """The git side of *repository*."""
        return Git(repository.git_dir)

    # Scenarios

    def person(self, login: str) -> Person:
        """Verbs of *login*, played over the real HTTP API and real git."""
        return Person(self, self._user(login), self.user_token(login))

    async def settle(self, work: Callable[[], Awaitable[bool]]) -> None:
        """Deliver, run workflows and let the other side *work* until all are quiet."""
        await settle(self, work)

    def emit(
        self,
        event: str,
        action: str | None,
        repository: Repository | None,
        payload: Json,
        *,
        sender: User | None = None,
        only: App | None = None,
        by_actions: bool = False,
    ) -> None:
        """Schedule *event* for the Apps that receive it; see `webhooks.emit`."""
        webhooks.emit(
            self,
            webhooks.Event(event, action, repository, payload, sender, only, by_actions),
        )

    def _user(self, login: str) -> User:
        found = self.state.find_user(login)
        if found is None:
            raise LookupError(f"the simulator has no user {login}; call add_user first")
        return found

    def _new_user(self, login: str, kind: Literal["User", "Bot", "Organization"]) -> User:
        user = User(self.ids.next("user"), login, kind, self.clock())
        self.state.users[login.lower()] = user
        return user

    def _new_actions_app(self) -> App:
        return App(
            app_id=ACTIONS_APP_ID,
            client_id="Iv1.05c79e9ad1f6bdfa",
            slug="github-actions",
            owner=self._new_user("github", "Organization"),
            bot=self._new_user("github-actions[bot]", "Bot"),
            private_key="",
            public_key="",
            permissions={},
            events=[],
            webhook_url="",
            webhook_secret="",
            hook_id=0,
            created_at=self.clock(),
        )
