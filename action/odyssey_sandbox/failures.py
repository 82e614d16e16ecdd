"""
Every way a validation can fail: what happened, the usual cause, and the lines that mend it.

Each text is a constant so that the README, the summary and the tests speak of the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Conclusion = Literal["success", "failure", "timed_out", "cancelled", "error"]


@dataclass(frozen=True, slots=True)
class Cause:
    """
    One kind of failure; `title` and `remedy` have named fields that `failed` fills in.
    """

    code: str
    conclusion: Conclusion
    title: str
    usual_cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Failure:
    """
    A failure that happened: its cause, and the title with the facts filled in.
    """

    cause: Cause
    reason: str


def failed(cause: Cause, **facts: object) -> Failure:
    """
    The failure *cause* with its *facts*.
    """
    return Failure(cause, cause.title.format(**facts))


# Rendered when an input cannot be read; nothing has been started yet.
BAD_INPUT = Cause(
    "bad_input",
    "error",
    "The input `{name}` cannot be used: {problem}",
    "A typing error in the step's `with:` block.",
    "with:\n  memory: 512m\n  timeout: 30m",
)
# Rendered when neither docker nor podman answers.
NO_ENGINE = Cause(
    "no_engine",
    "error",
    "No container engine answers: {problem}",
    "The job runs on a machine without Docker, or inside a container without the engine's socket.",
    "jobs:\n  validate:\n    runs-on: ubuntu-latest   # has Docker; leave `container:` out",
)
# Rendered when the folder to validate is missing or empty.
NO_CHECKOUT = Cause(
    "no_checkout",
    "error",
    "There is nothing to validate in `{path}`",
    "The checkout step is missing, or its `path:` is not the `path:` of this step.",
    "- uses: actions/checkout@v4\n  with:\n    path: proposal\n    persist-credentials: false\n"
    "- uses: odyssey-app/odyssey/action@v1\n  with:\n    path: proposal",
)
# Rendered when there is no Dockerfile and no `image:`.
NO_DOCKERFILE = Cause(
    "no_dockerfile",
    "failure",
    "There is no `{path}` in the repository",
    "The sandbox builds the repository's own image. Add the ten lines below as `Dockerfile`, or "
    "give `image:` to run the tests in a ready image with the checkout mounted read-only.",
    "FROM python:3.11-slim\n"
    "WORKDIR /app\n"
    "COPY requirements*.txt ./\n"
    "RUN pip install --no-cache-dir -r requirements.txt\n"
    "COPY . .\n"
    "ENV PYTHONUNBUFFERED=1\n"
    "EXPOSE 8000\n"
    "USER nobody\n"
    'HEALTHCHECK CMD ["python", "-c", "import service"]\n'
    'CMD ["python", "-m", "service"]',
)
# Rendered when the context, the Dockerfile or .dockerignore leads out of the checkout.
OUTSIDE_CHECKOUT = Cause(
    "outside_checkout",
    "failure",
    "`{path}` leads out of the checkout",
    "A symbolic link, an absolute path or `..` points to a file of the runner. It is not read.",
    "with:\n  context: .\n  dockerfile: Dockerfile   # a plain file inside the context",
)
# Rendered when the files to send to the engine are over `max-image-size`.
CONTEXT_TOO_LARGE = Cause(
    "context_too_large",
    "failure",
    "The checkout holds {size}, over the limit of {limit}",
    "Large files were committed.",
    "with:\n  max-image-size: 8g",
)
# Rendered when a persisted token would be copied into the sandbox (keep-git: true).
CREDENTIALS_IN_CHECKOUT = Cause(
    "credentials_in_checkout",
    "error",
    "The checkout's `.git` folder holds credentials ({path})",
    "actions/checkout keeps its token in the git configuration unless it is told not to; with "
    "`keep-git: true` the proposal could read it.",
    "- uses: actions/checkout@v4\n  with:\n    persist-credentials: false",
)
BUILD_FAILED = Cause(
    "build_failed",
    "failure",
    "The image did not build (exit code {exit_code})",
    "A step of the Dockerfile failed; the last lines of the build log say which.",
    "docker build .   # the same step on your machine",
)
# Rendered when the Dockerfile's base image is neither here nor to be had.
BASE_IMAGE_MISSING = Cause(
    "base_image_missing",
    "failure",
    "The base image of the Dockerfile is not available",
    "The name is mistyped, the image is private, or the runner cannot reach the registry.",
    "- run: docker pull python:3.11-slim   # before this step, with a login if it is private",
)
# Rendered when the classic builder meets `RUN --mount` and the like.
BUILD_NEEDS_BUILDKIT = Cause(
    "build_needs_buildkit",
    "failure",
    "The Dockerfile needs BuildKit, and this runner's docker has none",
    "`RUN --mount`, here-documents and `# syntax=` features are BuildKit's.",
    "- uses: docker/setup-buildx-action@v3   # before this step",
)
# Rendered for `ADD https://...`: the engine itself, outside every limit, would fetch it.
REMOTE_SOURCE = Cause(
    "remote_source",
    "failure",
    "Line {line} of the Dockerfile has the engine fetch `{source}`",
    "`ADD` of an address, or of a variable, is fetched by the engine from the runner's own "
    "network, which reaches the runner's services.",
    "RUN curl -fsSLo /opt/tool.tar.gz https://example.org/tool.tar.gz && sha256sum -c tool.sha256",
)
# Rendered for `# syntax=` with another frontend than Docker's own.
FOREIGN_FRONTEND = Cause(
    "foreign_frontend",
    "failure",
    "The Dockerfile asks for the build frontend `{source}`",
    "A frontend is a program that decides what is built, with which network and mounts.",
    "# syntax=docker/dockerfile:1",
)
BUILD_TIMED_OUT = Cause(
    "build_timed_out",
    "timed_out",
    "The build did not end within {limit}",
    "A step waits for input or for the network, or never ends.",
    "with:\n  build-timeout: 20m",
)
BUILD_OUTPUT_LIMIT = Cause(
    "build_output_limit",
    "failure",
    "The build printed more than {limit}",
    "A step prints without end.",
    "with:\n  max-output: 1g",
)
BUILD_OUT_OF_MEMORY = Cause(
    "build_out_of_memory",
    "failure",
    "A step of the build was killed: it needed more than {limit} of memory",
    "A compiler or a package installation needs more memory than `build-memory` allows.",
    "with:\n  build-memory: 4g",
)
IMAGE_TOO_LARGE = Cause(
    "image_too_large",
    "failure",
    "The image grew over {limit}",
    "A step writes large files, or the base image is large.",
    "with:\n  max-image-size: 8g",
)
IMAGE_UNAVAILABLE = Cause(
    "image_unavailable",
    "error",
    "The image `{image}` is not available: {problem}",
    "The name is mistyped, the image is private, or the runner cannot reach the registry.",
    "with:\n  image: python:3.11-slim",
)
NETWORK_FAILED = Cause(
    "network_failed",
    "error",
    "The isolated network or a side container could not be made: {problem}",
    "The engine has no address range left, or a side container's image is not available.",
    "with:\n  network: none",
)
RUN_FAILED = Cause(
    "run_failed",
    "failure",
    "The container did not start: {problem}",
    "The image's command does not exist in it, or a limit is not accepted by the engine.",
    'with:\n  command: ["python", "-m", "service"]',
)
# Rendered when the main process ended before it answered.
STOPPED_EARLY = Cause(
    "stopped_early",
    "failure",
    "The application stopped before it was healthy (exit code {exit_code})",
    "It failed at start; the container's log says why. In the sandbox the root file system is "
    "read-only, /tmp is writable, the user is not root, and there is no network.",
    "with:\n  tmpfs: |\n    /tmp:size=64m\n    /var/cache/app:size=64m",
)
# Rendered for exit code 137 where the engine did not hear why: a container that dies at once
# takes the kernel's counters with it.
KILLED = Cause(
    "killed",
    "failure",
    "The application was killed (exit code 137), as when it runs out of its {limit} of memory",
    "It needs more than `memory` allows, or it killed itself.",
    "with:\n  memory: 1g",
)
UNHEALTHY = Cause(
    "unhealthy",
    "failure",
    "The application did not answer `{endpoint}` on port {port} after {attempts} attempts: "
    "{problem}",
    "It listens on another port or path, or needs longer to start.",
    "with:\n  port: 8000\n  health-endpoint: /health\n  health-retries: 60",
)
HEALTH_TIMED_OUT = Cause(
    "health_timed_out",
    "timed_out",
    "The application was not healthy within {limit}: {problem}",
    "It needs longer to start, or it accepts connections and never answers.",
    "with:\n  health-timeout: 3m",
)
# Rendered when the image has neither python, curl, wget, node nor busybox.
NO_PROBE = Cause(
    "no_probe",
    "failure",
    "Nothing in the image can make the health request",
    "Without a network the request is made inside the container, by the first of python3, "
    "python, curl, wget, node and busybox; the image has none of them.",
    'with:\n  health-command: ["/app/server", "--check"]',
)
TESTS_FAILED = Cause(
    "tests_failed",
    "failure",
    "{summary}",
    "The change breaks what the tests promise, or a test needs what the sandbox does not give.",
    "docker run --rm --network none IMAGE sh -c 'TEST COMMAND'   # the same on your machine",
)
TESTS_TIMED_OUT = Cause(
    "tests_timed_out",
    "timed_out",
    "The tests did not end within {limit}",
    "A test waits for something that never comes, often the network.",
    "with:\n  test-timeout: 20m",
)
TESTS_OUTPUT_LIMIT = Cause(
    "tests_output_limit",
    "failure",
    "The tests printed more than {limit}",
    "A test prints without end.",
    "with:\n  max-output: 1g",
)
TESTS_NOT_FOUND = Cause(
    "tests_not_found",
    "failure",
    "The test command cannot be run in the image: {problem}",
    "The image does not hold the program, or the tests were not copied into it.",
    "with:\n  test-command: python -m unittest discover -s ./tests",
)
# Rendered when the tests were counted and there were fewer than `minimum-tests`.
TOO_FEW_TESTS = Cause(
    "too_few_tests",
    "failure",
    "{total} tests ran, at least {minimum} must",
    "The test command found no tests, or all of them were skipped.",
    "with:\n  test-command: python -m unittest discover -s ./tests\n  minimum-tests: 0",
)
OUT_OF_MEMORY = Cause(
    "out_of_memory",
    "failure",
    "The container ran out of memory: a process was killed at {limit}",
    "The application or a test needs more than `memory` allows (swap is not added to it).",
    "with:\n  memory: 1g",
)
TOO_MANY_PROCESSES = Cause(
    "too_many_processes",
    "failure",
    "The limit of {limit} processes was reached, and the tests failed",
    "A test starts many processes or threads.",
    "with:\n  pids: 512",
)
# Rendered when the container is gone although the tests should still run in it.
APPLICATION_DIED = Cause(
    "application_died",
    "failure",
    "The application ended while the tests ran (exit code {exit_code})",
    "A test stopped it, or it crashed; all tests after that say nothing.",
    "docker logs   # the container's log is in the transcript",
)
OLD_TESTS_FAILED = Cause(
    "old_tests_failed",
    "failure",
    "The tests of the base branch fail on the proposed code",
    "The change alters tests together with the code they measure (`measure: require`).",
    "with:\n  measure: report   # state it, and leave the decision to the reviewer",
)
TIMED_OUT = Cause(
    "timed_out",
    "timed_out",
    "The validation did not end within {limit}",
    "All phases together took longer than `timeout`.",
    "with:\n  timeout: 1h",
)
CANCELLED = Cause(
    "cancelled",
    "cancelled",
    "The validation was cancelled ({signal})",
    "The job was cancelled, or a newer one of the same `concurrency:` group took its place.",
    "concurrency:\n  cancel-in-progress: false",
)
ENGINE_FAILED = Cause(
    "engine_failed",
    "error",
    "The container engine failed: {problem}",
    "The engine was stopped, or its disk is full.",
    "- run: docker info && df -h   # before this step",
)

CAUSES: tuple[Cause, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Cause)
)
