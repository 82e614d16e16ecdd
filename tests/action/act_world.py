"""
act as a user runs it: a repository of their own that says `uses: odyssey-app/odyssey/action@v1`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from action.sandbox_world import ACTION, ROOT, SAMPLE

_STANDINS = ROOT / "app" / "odyssey" / "simulator" / "actions" / "standins"
_UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"
_RUN_ID = "4242"
_WORKFLOW = """\
on: workflow_dispatch
permissions:
  contents: read
jobs:
  validate:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          persist-credentials: false
      - id: odyssey
        uses: odyssey-app/odyssey/action@v1
        with:
{inputs}
      - if: always()
        shell: bash
        env:
          SAID: ${{ toJSON(steps.odyssey.outputs) }}
        run: echo "OUTPUTS $(echo "$SAID" | tr -d '\\n')"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRun:
    """
    One run: act's exit code, the job's log, the summary, the outputs and the uploaded artifact.
    """

    exit_code: int
    log: str
    summary: str
    outputs: dict[str, str]
    artifact: dict[str, bytes]

    @property
    def report(self) -> dict[str, Any]:
        """
        The uploaded report.json.
        """
        found: dict[str, Any] = json.loads(self.artifact["report.json"])
        return found


def run_act(folder: Path, files: Mapping[str, str | bytes], **inputs: str) -> ActRun:
    """
    Run the workflow of a repository made of *files* with the Action's *inputs*.
    """
    repository, home, artifacts = (folder / name for name in ("repository", "home", "artifacts"))
    # act answers a list of artifacts with a panic while the run has no folder.
    for each in (repository, home, artifacts / _RUN_ID):
        each.mkdir(parents=True)
    lines = [
        f"          {name.replace('_', '-')}: {json.dumps(text)}" for name, text in inputs.items()
    ]
    workflow = _WORKFLOW.replace("{inputs}", "\n".join(lines or ["          path: ."]))
    for path, content in {**files, ".github/workflows/validate.yml": workflow}.items():
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(0o755)
    _commit(repository)
    served = folder / "odyssey"
    served.mkdir()
    shutil.copytree(ACTION, served / "action", ignore=shutil.ignore_patterns("__pycache__"))
    act = Path(sys.executable).parent / "act"
    done = subprocess.run(
        [
            str(act), "workflow_dispatch", "--directory", str(repository), "--json",
            "--platform", "ubuntu-latest=-self-hosted", "--no-cache-server",
            "--local-repository", f"odyssey-app/odyssey@v1={served}",
            "--local-repository", f"{_UPLOAD}={_STANDINS / 'upload_artifact'}",
            "--artifact-server-path", str(artifacts), "--artifact-server-addr", "127.0.0.1",
            "--artifact-server-port", str(_free_port()), "--env", f"GITHUB_RUN_ID={_RUN_ID}",
        ],
        cwd=home,
        env={
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(home),
            "LANG": "C.UTF-8",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    return _read(done, artifacts)


def _read(done: subprocess.CompletedProcess[str], artifacts: Path) -> ActRun:
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    raw = [str(event["msg"]).rstrip("\n") for event in events if event.get("raw_output")]
    said = next((line for line in raw if line.startswith("OUTPUTS ")), "OUTPUTS {}")
    archives = list((artifacts / _RUN_ID).glob("*/*.zip"))
    files: dict[str, bytes] = {}
    for archive in archives:
        with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as opened:
            files |= {name: opened.read(name) for name in opened.namelist()}
    return ActRun(
        exit_code=done.returncode,
        log="\n".join(str(event["msg"]) for event in events if event.get("command") != "summary"),
        summary="\n".join(
            str(event["content"]) for event in events if event.get("command") == "summary"
        ),
        outputs=json.loads(said.removeprefix("OUTPUTS ")),
        artifact=files,
    )


def _commit(repository: Path) -> None:
    git = ["git", "-C", str(repository), "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Start"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    url = "https://github.invalid/ada/greeter"
    subprocess.run([*git, "remote", "add", "origin", url], check=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def sample_files() -> dict[str, str]:
    """
    The sample service, without its workflow.
    """
    paths = [
        path for path in SAMPLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    names = [str(path.relative_to(SAMPLE)) for path in paths]
    return {name: (SAMPLE / name).read_text() for name in names if not name.startswith(".github")}
