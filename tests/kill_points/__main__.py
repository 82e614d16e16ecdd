"""
Kills workers at every point and renews the table: `python -m kill_points [--lanes N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from kill_points.points import measure
from kill_points.table import PAGE, renew


def main() -> int:
    """The exit status: 0 when every kill came to the same end."""
    parser = argparse.ArgumentParser(prog="python -m kill_points", description=__doc__)
    parser.add_argument("--lanes", type=int, default=2, help="rounds that are played at a time")
    given = parser.parse_args()
    points = asyncio.run(measure(lanes=given.lanes, tell=_say))
    renew(points)
    _say(f"{PAGE} is renewed")
    return 1 if any(point.differences for point in points) else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
