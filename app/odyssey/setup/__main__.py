"""
`python -m odyssey.setup`: what `make setup` does once the virtual environment is there.
"""

from __future__ import annotations

import sys

from odyssey.setup.steps import main

if __name__ == "__main__":
    sys.exit(main())
