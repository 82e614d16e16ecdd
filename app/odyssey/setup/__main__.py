"""
`python -m odyssey.setup`: what `make setup` does once the virtual environment is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from odyssey.setup.steps import set_up, set_up_for_tests


def say(line: str) -> None:
    """
    One line of progress, at once, also where the output is not a terminal.
    """
    sys.stdout.write(f"setup: {line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] = ()) -> int:
    """
    Set the machine up, told line by line on standard output; 1 when something is missing.
    """
    parser = argparse.ArgumentParser(prog="odyssey setup", description=__doc__)
    parser.add_argument("--for-tests", action="store_true", help="what only tests use as well")
    given = parser.parse_args(arguments)
    is_ready = set_up(say)
    if is_ready and given.for_tests:
        set_up_for_tests(say)
    return 0 if is_ready else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
