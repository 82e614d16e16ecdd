"""
The REST API's bodies.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from odyssey.domain.proposal import Proposal, Status

PROPOSAL_ID = "prop_abc23xyz56"
REPOSITORY = "octo-org/widgets"
SHA = "1f3c9d2b8a07e55c0d4f6a91b27e83d5c6f0a419"

FullName = Annotated[str, Field(examples=[REPOSITORY], description="`owner/name`")]
CommitMessage = Annotated[
    # \x00 ends a text for git, and nothing but blanks is no message.
    str, StringConstraints(min_length=1, max_length=10_000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")
]


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


class ProposeBody(BaseModel):
    """
    A change to propose: the whole new content of each file it touches.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "repository": REPOSITORY,
                    "files_content": {"src/widgets/greeting.py": "GREETING = 'hello'\n"},
                    "commit_message": "feat: Greet in lower case",
                    "branch_prefix": "proposal",
                }
            ]
        },
    )

    files_content: dict[str, str | None] = Field(
        min_length=1, description="New content by path; null deletes the file."
    )
    commit_message: CommitMessage
    branch_prefix: str | None = Field(
        default=None, description="The first part of the branch's name; `proposal` by default."
    )
    repository: FullName | None = Field(
        default=None, description="`owner/name`; may be left out where the server has a default."
    )
    differs: str | None = Field(
        default=None,
        max_length=1_000,
        description="What is different from an attempt that was turned down; shown and kept.",
    )


class ApproveBody(BaseModel):
    """
    Which commit is approved.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"head_sha": SHA}]})

    head_sha: str | None = Field(
        default=None,
        pattern=r"^[0-9a-fA-F]{7,40}$",
        description="The commit that was read, or how it begins; where the head is another one, "
        "nothing is approved (409). Without it whatever is the head now is approved.",
    )


class RejectBody(BaseModel):
    """
    Why a proposal is turned down.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "The API must stay as it is."}]}
    )

    reason: str = Field(default="", max_length=4_000)


class PullRequestBody(BaseModel):
    """
    Where the proposal is discussed.
    """

    number: int
    url: str


class ProposalReceipt(BaseModel):
    """
    What became of a request.
    """

    model_config = _example(
        proposal_id=PROPOSAL_ID,
        branch_name=f"proposal/{PROPOSAL_ID}_greet_in_lower_case",
        status="validation_pending",
        message="Proposal submitted successfully. "
        "Code changes created, logged, and validation task triggered.",
        repository=REPOSITORY,
        pull_request={"number": 7, "url": f"https://github.com/{REPOSITORY}/pull/7"},
        head_sha=SHA,
    )

    proposal_id: str
    branch_name: str
    status: Status
    message: str
    repository: FullName
    pull_request: PullRequestBody | None
    head_sha: str | None

    @classmethod
    def of(cls, proposal: Proposal, message: str, *, web_url: str) -> Self:
        """
        The receipt for *proposal*, saying *message*.
        """
        return cls(
            proposal_id=proposal.id,
            branch_name=proposal.branch,
            status=proposal.status,
            message=message,
            repository=proposal.repository.full_name,
            pull_request=_pull_request(proposal, web_url),
            head_sha=proposal.head_sha,
        )


class ProposalBody(BaseModel):
    """
    A proposal as it stands.
    """

    model_config = _example(
        proposal_id=PROPOSAL_ID,
        branch_name=f"proposal/{PROPOSAL_ID}_greet_in_lower_case",
        commit_message="feat: Greet in lower case",
        status="validation_passed",
        validation_output="12 passed in 0.31s",
        created_at="2026-11-20T10:30:00Z",
        updated_at="2026-11-20T10:45:00Z",
        approved_by=None,
        message=None,
        repository=REPOSITORY,
        pull_request={"number": 7, "url": f"https://github.com/{REPOSITORY}/pull/7"},
        head_sha=SHA,
        requester="mona",
    )

    proposal_id: str
    branch_name: str
    commit_message: str
    status: Status
    validation_output: str | None
    created_at: datetime
    updated_at: datetime
    approved_by: str | None
    message: str | None = Field(description="What went wrong, where something did.")
    repository: FullName
    pull_request: PullRequestBody | None
    head_sha: str | None
    requester: str

    @classmethod
    def of(cls, proposal: Proposal, *, web_url: str) -> Self:
        """
        What is shown of *proposal*.
        """
        validation = proposal.current_validation
        return cls(
            proposal_id=proposal.id,
            branch_name=proposal.branch,
            commit_message=proposal.commit_message,
            status=proposal.status,
            validation_output=(validation.output or None) if validation else None,
            created_at=proposal.created_at,
            updated_at=proposal.updated_at,
            approved_by=proposal.approved_by,
            message=_trouble(proposal),
            repository=proposal.repository.full_name,
            pull_request=_pull_request(proposal, web_url),
            head_sha=proposal.head_sha,
            requester=proposal.requester,
        )


class ErrorBody(BaseModel):
    """
    What every 4xx and 5xx answer holds.
    """

    model_config = _example(error="NotFound", detail="There is no proposal prop_abc23xyz56.")

    error: str = Field(description="One word, for programs.")
    detail: str = Field(
        description="One or two sentences, for people: what, which one, what to do."
    )


class Health(BaseModel):
    """
    All is well.
    """

    status: str
    version: str


class NotReady(ErrorBody):
    """
    What is missing before work can be done.
    """

    missing: list[str]


def _pull_request(proposal: Proposal, web_url: str) -> PullRequestBody | None:
    if proposal.pull_number is None:
        return None
    url = f"{web_url}/{proposal.repository.full_name}/pull/{proposal.pull_number}"
    return PullRequestBody(number=proposal.pull_number, url=url)


def _trouble(proposal: Proposal) -> str | None:
    match proposal.status:
        case Status.REJECTED if proposal.rejection:
            return f"Rejected by {proposal.rejection.by}: {proposal.rejection.reason}"
        case Status.MERGE_FAILED if proposal.merge:
            return proposal.merge.failure
        case Status.VALIDATION_FAILED if proposal.validation:
            return proposal.validation.reason or None
    return None
