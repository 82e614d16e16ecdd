"""Teams of an organization."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Team:
    """A team; `members` are user ids with their role in it."""

    slug: str
    members: dict[int, str] = field(default_factory=dict)
