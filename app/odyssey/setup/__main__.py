"""
`python -m odyssey.setup`: what `make setup` does once the virtual environment is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from odyssey.setup.steps import set_up


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
    argparse.ArgumentParser(prog="odyssey setup", description=__doc__).parse_args(arguments)
    return 0 if set_up(say) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
