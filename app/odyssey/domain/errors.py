"""
Every error Odyssey raises, named by what the caller must do about it.

OdysseyError
├── DeliveryRejected      answer 4xx, never retry
│   ├── InvalidSignature
│   ├── MalformedPayload
│   └── PayloadTooLarge
├── CommandRefused        tell the author in a comment (or answer 4xx), never retry
│   ├── PermissionDenied
│   ├── NotProposable     the issue, repository or proposal is not in a state for it
│   │   └── TurnedDown    the same change was turned down before; say what differs
│   ├── MergeConflict     git cannot put two changes together; has `paths`
│   ├── BranchExists
│   └── PolicyInvalid
├── ChangeRefused         the change breaks a rule; the author must send another
│   ├── UnreadableChange
│   ├── PatchDoesNotApply
│   ├── ForbiddenPath
│   ├── ChangeTooLarge
│   └── EmptyChange
├── Conflict              re-read and decide again
│   ├── HeadShaChanged
│   ├── BaseChanged
│   └── Busy              somebody else holds the lock
├── NotMergeable          GitHub refuses the merge and will refuse it again
├── WriteRefused          GitHub takes this one write in no event: leave it out, go on
├── NotFound              GitHub or the store has no such thing
├── LeaseLost             another worker may be at it: stop, write nothing
└── Unavailable           retry later; has `retry_after`
    └── RateLimited
"""

from __future__ import annotations

from datetime import timedelta


class OdysseyError(Exception):
    """The root: catch it only to report."""


class DeliveryRejected(OdysseyError):
    """A delivery that must be answered with 4xx and never be retried."""


class InvalidSignature(DeliveryRejected):
    """The delivery was not signed with the webhook secret."""


class MalformedPayload(DeliveryRejected):
    """The delivery's body or headers are not what GitHub sends."""


class PayloadTooLarge(DeliveryRejected):
    """The body is over 25 MB, GitHub's own limit for a delivery."""


class CommandRefused(OdysseyError):
    """
    A person asked for something that cannot be done; the message is shown to them.

    The message is one or two sentences of Markdown: what, which one, what to do.
    """


class PermissionDenied(CommandRefused):
    """The author may not give this command here, or GitHub refuses what it takes."""


class NotProposable(CommandRefused):
    """The issue, repository or proposal is not in a state for this command."""


class TurnedDown(NotProposable):
    """The same change was turned down before, and nobody said what is different now."""


class MergeConflict(CommandRefused):
    """
    Two changes meet in the same places, so that git alone cannot put them together.

    `paths` are the files, as git names them; empty where the histories have nothing in common.
    """

    def __init__(self, message: str, *, paths: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.paths = paths


class BranchExists(CommandRefused):
    """A branch of the proposal's name exists with other content."""


class PolicyInvalid(CommandRefused):
    """`.github/odyssey.yml` on the base branch cannot be read; the gate is closed."""


class ChangeRefused(OdysseyError):
    """The change breaks a rule; the message is shown to its author."""


class UnreadableChange(ChangeRefused):
    """No diff and no files could be read from what was sent."""


class PatchDoesNotApply(ChangeRefused):
    """The unified diff does not apply to the base branch."""


class ForbiddenPath(ChangeRefused):
    """A path that no proposal may touch: outside the tree, `.git`, a symlink, a submodule."""


class ChangeTooLarge(ChangeRefused):
    """The change is over a limit of the policy."""


class EmptyChange(ChangeRefused):
    """The change leaves the tree as it is."""


class Conflict(OdysseyError):
    """The world moved between reading and acting: read again and decide again."""


class HeadShaChanged(Conflict):
    """The pull request's head is no longer the one that was judged."""


class BaseChanged(Conflict):
    """The base branch moved during the merge; GitHub asks for another try."""


class Busy(Conflict):
    """Another worker holds the lock; come back shortly."""


class NotMergeable(OdysseyError):
    """GitHub refuses the merge for a reason that time alone does not mend."""


class WriteRefused(OdysseyError):
    """
    GitHub refuses a comment, a check run, a reaction or a closing, and would refuse it again.

    A locked conversation, an archived repository, a permission that was taken back.
    """


class LeaseLost(OdysseyError):
    """A delivery's lease was lost while it was worked: what it writes now would be done twice."""


class NotFound(OdysseyError):
    """GitHub or the store has no such thing."""


class Unavailable(OdysseyError):
    """
    A service did not answer, or asked for patience.

    `retry_after` is how long to wait at least; None leaves it to the caller.
    """

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Unavailable):
    """GitHub's primary or secondary rate limit; never a failure of the work itself."""
