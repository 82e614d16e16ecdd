"""Artifacts: from a step's files to a zip on the second host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from simulator.actions_world import world

UPLOADS = """
on: workflow_dispatch
jobs:
  make:
    runs-on: ubuntu-latest
    steps:
      - run: |
          mkdir -p out/logs && echo '{"result": "passed"}' > out/report.json
          echo built > out/logs/build.log; echo no > out/.hidden; echo notes > notes.md
      - uses: actions/upload-artifact@v7
        with: {name: report, path: out, retention-days: 3}
      - uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02
        with:
          name: several
          include-hidden-files: true
          path: |
            out/**
            notes.md
            !out/logs
      - id: none
        uses: actions/upload-artifact@v4
        with: {name: none, path: nowhere}
      - uses: actions/upload-artifact@v4
        with: {name: report, path: notes.md, overwrite: true}
        if: ${{ false }}
"""


async def test_an_artifact_comes_back_as_it_was_uploaded(tmp_path: Path) -> None:
    """Listed by name, redirected to another host, with the digest that was announced."""
    async with world(tmp_path / "root", {"ci.yml": UPLOADS}) as github:
        run = await github.run()
        listed = await github.get(f"/runs/{run.id}/artifacts")
        [report] = (await github.get(f"/runs/{run.id}/artifacts?name=report"))["artifacts"]
        archive = await github.download(f"/artifacts/{report['id']}/zip")
        several = await github.download(f"/artifacts/{listed['artifacts'][0]['id']}/zip")

    assert run.conclusion == "success", run.current_jobs[0].log
    assert [artifact["name"] for artifact in listed["artifacts"]] == ["several", "report"]
    assert sorted(archive.namelist()) == ["logs/build.log", "report.json"]
    assert archive.read("report.json") == b'{"result": "passed"}\n'
    assert sorted(several.namelist()) == ["notes.md", "out/.hidden", "out/report.json"]
    assert "No files were found with the provided path: nowhere" in run.current_jobs[0].log


async def test_the_blob_host_refuses_a_forwarded_credential(tmp_path: Path) -> None:
    """As the real one does: the address itself is the permission."""
    async with world(tmp_path / "root", {"ci.yml": UPLOADS}) as github:
        run = await github.run()
        redirect = await github.client.get(f"/artifacts/{run.artifacts[0].id}/zip")
        address = redirect.headers["location"]
        with_credential = await github.client.get(address)
        async with httpx.AsyncClient() as stranger:
            without = await stranger.get(address)

    assert redirect.status_code == 302
    assert not address.startswith(github.simulator.api_url)
    assert with_credential.status_code in (400, 401, 403)
    assert without.status_code == 200


async def test_an_expired_artifact_is_gone_and_an_unknown_one_not_found(tmp_path: Path) -> None:
    """410 after the retention the step asked for, 404 for what never was or was deleted."""
    moment = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    async with world(tmp_path / "root", {"ci.yml": UPLOADS}) as github:
        github.simulator.clock = lambda: moment
        run = await github.run()
        short, long = sorted(run.artifacts, key=lambda artifact: artifact.expires_at)
        moment += timedelta(days=4)
        expired = await github.client.get(f"/artifacts/{short.id}/zip")
        shown = await github.get(f"/artifacts/{short.id}")
        kept = await github.client.get(f"/artifacts/{long.id}/zip")
        unknown = await github.client.get("/artifacts/999999/zip")
        deleted = await github.client.delete(f"/artifacts/{long.id}")
        after = await github.client.get(f"/artifacts/{long.id}/zip")

    assert (expired.status_code, shown["expired"]) == (410, True)
    assert (kept.status_code, unknown.status_code) == (302, 404)
    assert (deleted.status_code, after.status_code) == (204, 404)


async def test_the_same_name_twice_is_refused_unless_overwritten(tmp_path: Path) -> None:
    """One artifact of a name in a run; `overwrite` replaces it."""
    workflow = """
on: {workflow_dispatch: {inputs: {overwrite: {default: "false"}}}}
jobs:
  make:
    runs-on: ubuntu-latest
    steps:
      - run: echo one > one.txt; echo two > two.txt
      - uses: actions/upload-artifact@v4
        with: {name: report, path: one.txt}
      - uses: actions/upload-artifact@v4
        with: {name: report, path: two.txt, overwrite: "${{ inputs.overwrite }}"}
"""
    async with world(tmp_path / "root", {"ci.yml": workflow}) as github:
        refused = await github.run()
        replaced = await github.run(overwrite="true")
        archive = await github.download(f"/artifacts/{replaced.artifacts[0].id}/zip")

    assert refused.conclusion == "failure"
    assert "an artifact named 'report' already exists" in refused.current_jobs[0].log
    assert replaced.conclusion == "success", replaced.current_jobs[0].log
    assert archive.namelist() == ["two.txt"]
