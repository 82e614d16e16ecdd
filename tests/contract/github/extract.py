"""
Makes `api.github.com.json` and the simulator's `github.graphql` from GitHub's own descriptions.

    cd tests && python -m contract.github.extract [--packages FOLDER]

The descriptions come from two npm packages (MIT, versions below). Without `--packages` they are
installed into a temporary folder by `npm`; FOLDER is one that holds their `node_modules`. What is
kept stands in `operations.txt`, `webhooks.txt` and `operations.graphql`. The same input gives the
same bytes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from contract.github.description import CutError, description_of
from contract.github.schema_cut import OperationsError, cut_schema

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SCHEMA_FOLDER = ROOT / "app" / "odyssey" / "simulator" / "schema"
OPENAPI_PACKAGE = "@octokit/openapi"
OPENAPI_VERSION = "23.0.2"
GRAPHQL_PACKAGE = "@octokit/graphql-schema"
GRAPHQL_VERSION = "15.26.1"
API_VERSION = "2026-03-10"


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Writes the four files; the exit status is 0, or 1 with a sentence on standard error.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--packages", type=Path, help="a folder with the npm packages installed")
    packages: Path | None = parser.parse_args(arguments).packages
    try:
        if packages is not None:
            extract(packages)
        else:
            with tempfile.TemporaryDirectory() as folder:
                install(Path(folder))
                extract(Path(folder))
    except (CutError, OperationsError, OSError, subprocess.CalledProcessError) as error:
        print(f"extract: {error}", file=sys.stderr)  # noqa: T201  a command speaks to its terminal
        return 1
    return 0


def install(folder: Path) -> None:
    """
    Installs both packages into *folder* without running their scripts.
    """
    wanted = [f"{OPENAPI_PACKAGE}@{OPENAPI_VERSION}", f"{GRAPHQL_PACKAGE}@{GRAPHQL_VERSION}"]
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *wanted]
    (folder / "package.json").write_text('{"private": true}\n')
    subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr)


def extract(packages: Path) -> None:
    """
    Writes the cut descriptions and their licences from the packages installed in *packages*.
    """
    openapi = packages / "node_modules" / OPENAPI_PACKAGE
    description = description_of(
        json.loads((openapi / "generated" / "api.github.com.json").read_bytes()),
        version=API_VERSION,
        operations=listed(HERE / "operations.txt"),
        webhooks=listed(HERE / "webhooks.txt"),
    )
    description["info"]["x-source"] = f"{OPENAPI_PACKAGE}@{OPENAPI_VERSION}"
    text = json.dumps(description, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    (HERE / "api.github.com.json").write_text(text + "\n")
    (HERE / "LICENSE").write_text((openapi / "LICENSE").read_text())

    graphql = packages / "node_modules" / GRAPHQL_PACKAGE
    schema = cut_schema(
        (graphql / "schema.graphql").read_text(), (HERE / "operations.graphql").read_text()
    )
    heading = (
        f"# Cut from {GRAPHQL_PACKAGE} {GRAPHQL_VERSION} by tests/contract/github/extract.py;\n"
        "# licence: LICENSE beside this file.\n\n"
    )
    SCHEMA_FOLDER.mkdir(parents=True, exist_ok=True)
    (SCHEMA_FOLDER / "github.graphql").write_text(heading + schema)
    (SCHEMA_FOLDER / "LICENSE").write_text((graphql / "LICENSE.md").read_text())


def listed(path: Path) -> list[str]:
    """
    The lines of *path* that are neither empty nor comments.
    """
    lines = (line.strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


if __name__ == "__main__":
    raise SystemExit(main())
