"""
How far a question may look, and on which shelf.

A tenant (one repository) is never left. Within it a memory belongs to one of
three tiers, and every recall says which one it asks: there is no default, since
a default would be the widest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """
    To whom a memory belongs: to everybody in the repository, to one person, to one thread.
    """

    REPOSITORY = "repository"
    PERSON = "person"
    THREAD = "thread"


class Shelf(StrEnum):
    """
    The kinds of rows; each is kept, searched, carried and forgotten by the same code.

    Events are what happened and never change. The rows of every other shelf are
    made from events and may be made again.
    """

    EVENT = "event"
    OBSERVATION = "observation"
    TASK = "task"
    PATTERN = "pattern"
    ARCHIVAL = "archival"

    @property
    def keeps_first(self) -> bool:
        """Whether, of two rows with one id, the first stays; elsewhere the last one does."""
        return self is Shelf.EVENT


@dataclass(frozen=True, slots=True)
class Scope:
    """
    The tier a recall asks, and whose.

    - the repository: what belongs to everybody;
    - a person: of that, what is by or about them, and what belongs to them alone;
    - a thread: of that, what was said there, and what belongs to it alone.

    What belongs to one person or thread is in no other scope's answer.
    """

    tier: Tier
    name: str | None = None

    def __post_init__(self) -> None:
        is_named = self.name is not None and bool(self.name.strip())
        if self.tier is Tier.REPOSITORY and self.name is not None:
            raise ValueError(f"the repository's scope has no name, and {self.name!r} was given")
        if self.tier is not Tier.REPOSITORY and not is_named:
            raise ValueError(
                f"a {self.tier}'s scope needs its name; use Scope.of_{self.tier}(name)"
            )

    @classmethod
    def of_person(cls, login: str) -> Scope:
        """What is by, about or for *login*, in any letter case."""
        return cls(Tier.PERSON, login)

    @classmethod
    def of_thread(cls, thread: str) -> Scope:
        """What was said in *thread* (`pull/41`)."""
        return cls(Tier.THREAD, thread)


REPOSITORY = Scope(Tier.REPOSITORY)
"""What belongs to everybody in the repository."""
