"""
A minimal Probot 14 app, for comparison: one handler that does nothing, nothing stored.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.figure import tell
from bench.keys import new_private_key
from bench.node import Node, cache_folder, find_node, output_of
from bench.program import Program, free_port, running

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
        NotMeasurable: Node.js or the package cannot be had, or the app does not start.
    """
    node = await find_node()
    home = await _installed_app(node)
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
    command = [str(node.node), str(home / "app.js")]
    async with running("probot", command, port=port, env=env, directory=directory) as program:
        yield program


async def version() -> str:
    """
    `Probot 14.x.y on Node.js vN`, as measured.

    Raises:
        NotMeasurable: Node.js or the package cannot be had.
    """
    node = await find_node()
    manifest = (await _installed_app(node)) / "node_modules" / "probot" / "package.json"
    return f"Probot {json.loads(manifest.read_text())['version']} on Node.js {node.version}"


async def _installed_app(node: Node) -> Path:
    home = cache_folder() / "probot-14"
    home.mkdir(parents=True, exist_ok=True)
    (home / "app.js").write_text(APP)
    (home / "package.json").write_text(json.dumps(PACKAGE))
    if not (home / "node_modules" / "probot" / "package.json").exists():
        tell("installing the npm package probot")
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts"]
        await output_of([*node.npm, "install", *quiet], directory=home)
    return home
