"""
The REST API under `/api/v1`: propose, look, approve, reject.
"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Security
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from odyssey.domain.change import Files
from odyssey.domain.commands import Propose, Reject
from odyssey.domain.errors import NotFound
from odyssey.domain.identifiers import (
    ProposalId,
    RepositoryRef,
    is_proposal_id,
    split_full_name,
)
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import Permission
from odyssey.handlers.approve import SERVICE_APPROVER, approve
from odyssey.handlers.authority import require_permission
from odyssey.handlers.propose import ProposalRequest, propose
from odyssey.handlers.reject import reject
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.web.bearer import Bearers, Caller, route_with_caller
from odyssey.web.errors import error_responses
from odyssey.web.models import (
    PROPOSAL_ID,
    ApproveBody,
    FullName,
    ProposalBody,
    ProposalReceipt,
    ProposeBody,
    RejectBody,
)

PREFIX = "/api/v1"
MAX_BODY_BYTES = 12 * 1024 * 1024
MOST_LISTED = 500

SCHEME = HTTPBearer(
    auto_error=False,
    description="A GitHub user token (your permission on the repository counts), "
    "or a service token of the server's settings.",
)

Identifier = Annotated[str, Path(examples=[PROPOSAL_ID])]
IdempotencyKey = Annotated[
    str,
    Header(
        max_length=200,
        description="Repeated with the same key, a request gives the same proposal.",
    ),
]


class Api:
    """
    The routes' work: who may do it, on what, and how it is told.
    """

    def __init__(self, settings: Settings, ports: Ports, bearers: Bearers) -> None:
        self._default_repository = settings.default_repository
        self._web_url = settings.github_web_url.rstrip("/")
        self._ports = ports
        self._bearers = bearers

    async def propose(
        self, caller: Caller, body: ProposeBody, idempotency_key: str
    ) -> ProposalReceipt:
        """The receipt of a new proposal, or of the one that *idempotency_key* made before."""
        repository = await self._repository(body.repository)
        await self._bearers.require_write(caller, repository, f"Repository {repository}")
        branch = await self._ports.github.default_branch(repository)
        await self._require(Propose.word, caller, repository, branch)
        request = ProposalRequest(
            repository=repository,
            change=Files(body.files_content),
            message=body.commit_message,
            branch_prefix=body.branch_prefix,
            requester=caller.name,
            requested_via="api",
            source_url=f"{self._web_url}/{repository}",
            issue_number=None,
            seed=("api", caller.name, idempotency_key or str(uuid.uuid4())),
            base_branch=branch,
            differs=body.differs or "",
        )
        proposal = await propose(request, self._ports)
        return self._receipt(
            proposal,
            "Proposal submitted successfully. "
            "Code changes created, logged, and validation task triggered.",
        )

    async def newest(
        self, caller: Caller, *, limit: int, full_name: str | None
    ) -> list[ProposalBody]:
        """Those of the newest proposals that the caller may see."""
        # Those that are hidden do not count towards the limit.
        most = limit if caller.is_service or full_name else MOST_LISTED
        proposals = await self._ports.proposals.newest(limit=most, repository=full_name)
        permissions: dict[str, Permission] = {}
        shown: list[ProposalBody] = []
        for proposal in proposals:
            name = proposal.repository.full_name
            if name not in permissions:
                permissions[name] = await self._bearers.permission(caller, proposal.repository)
            if permissions[name] is not Permission.NONE:
                shown.append(ProposalBody.of(proposal, web_url=self._web_url))
            if len(shown) == limit:
                break
        return shown

    async def show(self, caller: Caller, proposal_id: str) -> ProposalBody:
        """The proposal, if the caller may see it."""
        proposal = await self._proposal(proposal_id)
        await self._bearers.require_read(caller, proposal.repository, f"Proposal {proposal_id}")
        return ProposalBody.of(proposal, web_url=self._web_url)

    async def approve(self, caller: Caller, proposal_id: str, sha: str) -> ProposalReceipt:
        """The caller's approval of the present head SHA, which begins with *sha*."""
        proposal = await self._changeable(caller, proposal_id)
        by = SERVICE_APPROVER if caller.is_service else caller.name
        approved = await approve(
            proposal, self._ports, by=by, user_token=caller.user_token, sha=sha
        )
        return self._receipt(
            approved, f"Proposal '{approved.id}' approved by {by}. Merge task triggered."
        )

    async def reject(self, caller: Caller, proposal_id: str, reason: str) -> ProposalReceipt:
        """The proposal, turned down by the caller."""
        proposal = await self._changeable(caller, proposal_id)
        await self._require(Reject.word, caller, proposal.repository, proposal.base_branch)
        rejected = await reject(proposal, self._ports, by=caller.name, reason=reason)
        return self._receipt(rejected, f"Proposal '{rejected.id}' has been successfully rejected.")

    async def _repository(self, full_name: str | None) -> RepositoryRef:
        name = full_name or self._default_repository
        if not name:
            raise HTTPException(400, "repository: write owner/name; this server has no default")
        _check_full_name(name)
        repository = await self._ports.github.find_installation(name)
        if repository is None:
            # The same words as for one that may not be seen, or they would tell the difference.
            raise NotFound(f"Repository {name} does not exist, or you may not see it.")
        return repository

    async def _proposal(self, proposal_id: str) -> Proposal:
        found = None
        if is_proposal_id(proposal_id):
            found = await self._ports.proposals.get(ProposalId(proposal_id))
        if found is None:
            raise NotFound(f"Proposal {proposal_id[:40]} does not exist, or you may not see it.")
        return found

    async def _changeable(self, caller: Caller, proposal_id: str) -> Proposal:
        proposal = await self._proposal(proposal_id)
        await self._bearers.require_write(caller, proposal.repository, f"Proposal {proposal_id}")
        return proposal

    async def _require(
        self, word: str, caller: Caller, repository: RepositoryRef, branch: str
    ) -> None:
        """Returns when the policy lets *caller* do what the command *word* does."""
        permission = await self._bearers.permission(caller, repository)
        await require_permission(
            word, caller.name, repository, branch, self._ports, permission=permission
        )

    def _receipt(self, proposal: Proposal, message: str) -> ProposalReceipt:
        return ProposalReceipt.of(proposal, message, web_url=self._web_url)


def api_routes(settings: Settings, ports: Ports) -> APIRouter:
    """
    The REST API's routes over *ports*.
    """
    bearers = Bearers(ports.github, settings.service_tokens, now=ports.now)
    api = Api(settings, ports, bearers)
    router = APIRouter(
        prefix=f"{PREFIX}/self-modify",
        tags=["self-modify"],
        route_class=route_with_caller(bearers, max_body_bytes=MAX_BODY_BYTES),
        dependencies=[Security(SCHEME)],
        responses=error_responses(400, 401, 404, 503),
    )

    @router.post("/propose", status_code=202, responses=error_responses(403, 409, 413))
    async def submit_proposal(
        request: Request, body: ProposeBody, idempotency_key: IdempotencyKey = ""
    ) -> ProposalReceipt:
        """
        Submits a change: branch, commit and pull request are made, and validation is asked for.
        """
        return await api.propose(request.state.caller, body, idempotency_key)

    @router.get("/proposals")
    async def list_proposals(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        repository: Annotated[FullName | None, Query()] = None,
    ) -> list[ProposalBody]:
        """
        The newest proposals first; those of repositories the bearer may read.
        """
        if repository is not None:
            _check_full_name(repository)
        return await api.newest(request.state.caller, limit=limit, full_name=repository)

    @router.get("/proposals/{proposal_id}")
    async def get_proposal(request: Request, proposal_id: Identifier) -> ProposalBody:
        """
        One proposal, with the output of its validation.
        """
        return await api.show(request.state.caller, proposal_id)

    @router.post("/proposals/{proposal_id}/approve", responses=error_responses(403, 409, 413))
    async def approve_proposal(
        request: Request, proposal_id: Identifier, body: ApproveBody | None = None
    ) -> ProposalReceipt:
        """
        Approves the present head SHA, if validation passed; the merge follows when the gate opens.

        With a user token this is an approving review by its owner on GitHub. Name the commit
        that was read as `head_sha`, or a push in between is approved unread.
        """
        sha = (body.head_sha if body else None) or ""
        return await api.approve(request.state.caller, proposal_id, sha)

    @router.post("/proposals/{proposal_id}/reject", responses=error_responses(403, 409, 413))
    async def reject_proposal(
        request: Request, proposal_id: Identifier, body: RejectBody | None = None
    ) -> ProposalReceipt:
        """
        Turns a proposal down: pull request closed, branch deleted, reason kept.
        """
        reason = body.reason if body else ""
        return await api.reject(request.state.caller, proposal_id, reason)

    return router


def _check_full_name(full_name: str) -> None:
    try:
        split_full_name(full_name)
    except ValueError as error:
        raise HTTPException(400, f"repository: {error}") from error
