"""
Every input of the Action: its name, the variable that carries it, its default and its meaning.

`action.yml` and the README's table say the same; a test keeps the three equal.
"""

from __future__ import annotations

from dataclasses import dataclass

MEASURE_PATHS = """\
test/**
tests/**
**/tests/**
**/test_*.py
**/*_test.py
**/*_test.go
**/*.test.*
**/*.spec.*
**/conftest.py
pytest.ini
tox.ini
setup.cfg
.coveragerc
.github/**
action/**
action.yml
Dockerfile
.dockerignore
CODEOWNERS
"""


@dataclass(frozen=True, slots=True)
class Input:
    """
    One input: its kebab-case name, the variable that carries it, its default and its meaning.

    `variable` is `SANDBOX_` and the name, but for the eight settings that had names before.
    """

    name: str
    default: str
    description: str
    variable: str = ""

    @property
    def environment_variable(self) -> str:
        """
        The variable that carries the input.
        """
        return self.variable or "SANDBOX_" + self.name.upper().replace("-", "_")


INPUTS: tuple[Input, ...] = (
    Input(
        "path",
        ".",
        "Folder of the checkout to validate.",
    ),
    Input(
        "base-path",
        "",
        "Folder of the base branch's checkout; needed to measure with the old tests.",
    ),
    Input(
        "head-sha",
        "",
        "Commit the report speaks of; default: HEAD of the checkout.",
    ),
    Input(
        "proposal-id",
        "",
        "Name of the proposal, repeated in the report.",
    ),
    Input(
        "engine",
        "auto",
        "`docker`, `podman`, or `auto`: the first that answers.",
    ),
    Input(
        "image",
        "",
        "Run in this image instead of building one; the checkout is mounted read-only at "
        "/checkout.",
    ),
    Input(
        "dockerfile",
        "Dockerfile",
        "Path of the Dockerfile, from the checkout.",
    ),
    Input(
        "context",
        ".",
        "Build context, from the checkout.",
    ),
    Input(
        "target",
        "",
        "Stage of the Dockerfile to build.",
    ),
    Input(
        "build-args",
        "",
        "Build arguments, one `NAME=value` a line. They are visible in the image: no secrets.",
    ),
    Input(
        "build-network",
        "default",
        "Network of the build: `default` or `none`.",
    ),
    Input(
        "builder",
        "auto",
        "`classic`, `buildkit`, or `auto`: BuildKit where docker has buildx.",
    ),
    Input(
        "cache",
        "true",
        "Use the engine's build cache, and keep the image's layers for the next run.",
    ),
    Input(
        "cache-from",
        "",
        "More cache sources for BuildKit, one a line, for example `type=gha`. Read only.",
    ),
    Input(
        "build-timeout",
        "10m",
        "Limit of the build.",
    ),
    Input(
        "build-memory",
        "2g",
        "Memory of each build step (classic builder and podman).",
    ),
    Input(
        "max-image-size",
        "4g",
        "Limit of the image, of what a build step writes, and of the checkout.",
    ),
    Input(
        "keep-git",
        "false",
        "Let the sandbox see the `.git` folder (refused while it holds a token).",
    ),
    Input(
        "command",
        "",
        "Command of the container instead of the image's own: a JSON list, or a shell line.",
    ),
    Input(
        "port",
        "auto",
        "Port of the application in the container; `auto`: the one the image exposes; `none`:"
        " no application.",
        "SANDBOX_APP_PORT_IN_CONTAINER",
    ),
    Input(
        "host-port",
        "",
        "Port on 127.0.0.1 for the health check; only with `network: bridge`.",
        "SANDBOX_HOST_PORT_FOR_HEALTH_CHECK",
    ),
    Input(
        "health-endpoint",
        "/health",
        "Path that answers 2xx or 3xx when the application is ready.",
        "SANDBOX_HEALTH_CHECK_ENDPOINT",
    ),
    Input(
        "health-command",
        "",
        "Command in the container that succeeds when the application is ready, instead of the"
        " request.",
    ),
    Input(
        "health-retries",
        "30",
        "Attempts of the health check.",
    ),
    Input(
        "health-interval",
        "1s",
        "Longest pause between two attempts; the first ones follow faster.",
    ),
    Input(
        "health-timeout",
        "1m",
        "Limit of the health check, all attempts together.",
    ),
    Input(
        "test-command",
        "python -m unittest discover -s ./tests",
        "Tests, run in the container: a JSON list, or a shell line; `none`: no tests.",
        "SANDBOX_DEFAULT_TEST_COMMAND",
    ),
    Input(
        "test-timeout",
        "10m",
        "Limit of the tests.",
    ),
    Input(
        "minimum-tests",
        "1",
        "Fewer tests than this fail the validation, where they can be counted.",
    ),
    Input(
        "junit-path",
        "/tmp/junit.xml",  # noqa: S108 - in the container
        "JUnit XML in the container to count the tests from, if it is there.",
    ),
    Input(
        "workdir",
        "",
        "Working directory of the tests; default: the image's.",
    ),
    Input(
        "env",
        "",
        "Variables in the container, one `NAME=value` a line. The proposal can read them: no "
        "secrets.",
    ),
    Input(
        "network",
        "none",
        "`none`, `isolated` (side containers only), or `bridge` (reaches the internet and the"
        " runner).",
        "SANDBOX_DOCKER_NETWORK",
    ),
    Input(
        "sidecars",
        "",
        "Side containers for `network: isolated`, one `name image [NAME=value ...]` a line.",
    ),
    Input(
        "user",
        "65534:65534",
        "User and group in the container; `image`: the image's own.",
    ),
    Input(
        "memory",
        "512m",
        "Memory of the container; swap is not added.",
        "SANDBOX_DOCKER_MEMORY_LIMIT",
    ),
    Input(
        "cpus",
        "2",
        "Processors of the container.",
        "SANDBOX_DOCKER_CPU_LIMIT",
    ),
    Input(
        "pids",
        "256",
        "Processes and threads of the container.",
    ),
    Input(
        "file-size",
        "256m",
        "Largest file that may be written.",
    ),
    Input(
        "tmpfs",
        "/tmp:size=64m",  # noqa: S108 - in the container
        "Writable folders in memory, one `path:options` a line; all are nosuid, nodev, and "
        "noexec unless `exec` is given.",
    ),
    Input(
        "no-new-privileges",
        "true",
        "Forbid gaining privileges by setuid programs.",
        "SANDBOX_DOCKER_NO_NEW_PRIVILEGES",
    ),
    Input(
        "timeout",
        "30m",
        "Limit of everything together.",
    ),
    Input(
        "max-output",
        "256m",
        "A phase that prints more is stopped.",
    ),
    Input(
        "mask",
        "",
        "Values to replace by *** in every log, one a line.",
    ),
    Input(
        "measure",
        "report",
        "A change of tests or configuration: `report` what the old tests say, `require` that "
        "they pass, or `off`.",
    ),
    Input(
        "measure-paths",
        MEASURE_PATHS,
        "What measures the code, one glob a line.",
    ),
    Input(
        "report-directory",
        "odyssey-report",
        "Folder for report.json and transcript.txt.",
    ),
    Input(
        "artifact-name",
        "odyssey-report",
        "Name of the uploaded artifact; `none`: no upload.",
    ),
)
