"""
A minimal Probot 14 app, for comparison: one handler that does nothing, nothing stored.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.figure import NotMeasurable, tell
from bench.keys import new_private_key
from bench.program import Program, free_port, running
from odyssey.setup.debian import NotInstalled, install_packages

WEBHOOK_PATH = "/api/github/webhooks"
PACKAGE = {"private": True, "type": "module", "dependencies": {"probot": "^14.0.0"}}
APP = """\
import { run } from "probot";
run((app) => { app.on("issue_comment.created", async () => {}); });
"""


@asynccontextmanager
async def probot(*, secret: str, directory: Path) -> AsyncIterator[Program]:
    """
    The app listening on a free loopback port, at its quickest: production, and no log line for
    each request.

    Raises:
        NotMeasurable: node, npm or the package cannot be had, or the app does not start.
    """
    home = await installed_app()
    port = free_port()
    env = {
        "NODE_ENV": "production",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "APP_ID": "1",
        "PRIVATE_KEY": new_private_key(),
        "WEBHOOK_SECRET": secret,
        "LOG_LEVEL": "warn",
        "LOG_FORMAT": "json",
    }
    command = ["node", str(home / "app.js")]
    async with running("probot", command, port=port, env=env, directory=directory) as program:
        yield program


async def installed_app() -> Path:
    """
    The folder of the app with its packages, in the user's cache; installed once.

    Raises:
        NotMeasurable: node, npm or the package cannot be had.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        tell("node and npm are missing: installing Debian's")
        try:
            await asyncio.to_thread(install_packages, ["nodejs", "npm"])
        except NotInstalled as reason:
            raise NotMeasurable(f"Probot needs node and npm: {reason}") from reason
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "odyssey-bench" / "probot-14"
    home.mkdir(parents=True, exist_ok=True)
    (home / "app.js").write_text(APP)
    (home / "package.json").write_text(json.dumps(PACKAGE))
    if not (home / "node_modules" / "probot" / "package.json").exists():
        tell("installing the npm package probot ...")
        await _npm_install(home)
    return home


async def version() -> str:
    """
    `Probot 14.x.y on node vN`, as installed.
    """
    manifest = (await installed_app()) / "node_modules" / "probot" / "package.json"
    node = await asyncio.create_subprocess_exec("node", "--version", stdout=asyncio.subprocess.PIPE)
    said, _ = await node.communicate()
    return f"Probot {json.loads(manifest.read_text())['version']} on node {said.decode().strip()}"


async def _npm_install(home: Path) -> None:
    npm = await asyncio.create_subprocess_exec(
        *["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=home,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await asyncio.wait_for(npm.communicate(), timeout=300)
    except TimeoutError:
        npm.kill()
        await npm.wait()
        raise NotMeasurable("npm install probot took more than 300 s") from None
    if npm.returncode != 0:
        last = "\n  ".join(said.decode(errors="replace").splitlines()[-5:])
        raise NotMeasurable(f"npm could not install probot; it said:\n  {last}")
