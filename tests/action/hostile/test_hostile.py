"""
Every sample through the real Action, on a real engine: nothing gets out, nothing is left.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from action.hostile import samples_lies, samples_limits, samples_reach
from action.hostile.sample import SMALL, Sample
from action.sandbox_world import BASE_IMAGE, Outcome, World, docker

SAMPLES = (*samples_limits.SAMPLES, *samples_reach.SAMPLES, *samples_lies.SAMPLES)
_GREETING = b"HTTP/1.0 200 OK\r\n\r\nhello from the host"


class Listener:
    """
    A listener on the address by which containers see this machine; counts who comes.
    """

    def __init__(self, address: str) -> None:
        self._socket = socket.create_server((address, 0))
        self.host, self.port = self._socket.getsockname()
        self.visits = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """
        Stop listening.
        """
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            with connection:
                connection.sendall(_GREETING)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """
    Another container of this machine: its address, and this machine's own as it sees it.
    """

    address: str
    gateway: str


@pytest.fixture(scope="module")
def neighbour() -> Iterator[Neighbour]:
    """
    A container with a service on port 8000.
    """
    serve = ("python3", "-m", "http.server", "--directory", "/tmp")
    name = docker("run", "--detach", "--rm", "--init", BASE_IMAGE, *serve)[0]
    shown = "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}}"
    yield Neighbour(*docker("inspect", "--format", shown, name)[0].split())
    subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=True)


@pytest.fixture(scope="module")
def listener(neighbour: Neighbour) -> Iterator[Listener]:
    """
    A service of this machine, within reach of a container on the default bridge.
    """
    found = Listener(neighbour.gateway)
    yield found
    found.close()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_an_attempt_is_reported_as_what_it_is_and_leaves_nothing(
    sample: Sample, world: World, listener: Listener, neighbour: Neighbour
) -> None:
    """
    The report says what was tried; nothing was reached, shown, or left behind.
    """
    secret = world.folder / "secret"
    secret.write_text("the runner's own secret")
    places = {
        "{host!r}": repr(listener.host),
        "{host}": listener.host,
        "{port}": str(listener.port),
        "{neighbour!r}": repr(neighbour.address),
        "{secret}": str(secret),
    }
    checkout = world.checkout({path: _filled(text, places) for path, text in sample.files.items()})
    (checkout / "link").symlink_to(secret)
    visits = listener.visits

    outcome = world.run(checkout, **{**SMALL, **sample.inputs})

    found = outcome.report
    assert (sample.conclusion, sample.phase) == (found["conclusion"], found["phase"]), (
        outcome.console
    )
    assert str(found["failure"]) in str(sample.failure).split("|"), outcome.console
    assert sample.findings <= outcome.findings, outcome.console
    assert [text for text in sample.shown if text not in outcome.everything] == []
    assert [text for text in sample.hidden if text in printed(outcome)] == []
    assert visits == listener.visits
    assert world.left_behind(outcome) == []
    assert outcome.duration_s < sample.at_most_s
    assert (0 if sample.conclusion == "success" else 1) == outcome.exit_code
    assert outcome.report["conclusion"] == outcome.outputs["conclusion"]


def test_there_are_samples_enough() -> None:
    """
    At least 25, each with a name of its own.
    """
    assert len({sample.name for sample in SAMPLES}) == len(SAMPLES) >= 25


def test_imitated_commands_are_never_at_the_start_of_a_line(world: World) -> None:
    """
    Between the two lines with the random word, each line is quoted; outside, all are our own.
    """
    sample = samples_lies.SAMPLES[0]
    outcome = world.run(world.checkout(sample.files), **{**SMALL, **sample.inputs})
    lines = outcome.console.splitlines()
    word = next(line for line in lines if line.startswith("::stop-commands::")).split("::")[2]
    commands = [line for line in lines if line.lstrip().startswith("::") or "##[" in line]

    own = (
        "::add-mask::ghs_",
        "::group::",
        "::stop-commands::" + word,
        f"::{word}::",
        "::endgroup::",
        "::error title=Odyssey sandbox::",
    )
    assert [line for line in commands if not line.startswith(own)] == []
    assert len(word) == 32


def test_a_link_out_of_the_context_is_not_followed(world: World, tmp_path: Path) -> None:
    """
    Neither as Dockerfile, nor as context, nor as .dockerignore; and COPY copies the link only.
    """
    secret = tmp_path / "secret"
    secret.write_text("the runner's own secret\n")
    answers = {}
    links = {"Dockerfile": "Dockerfile", "context": "sub", ".dockerignore": ".dockerignore"}
    for name, link in links.items():
        checkout = world.checkout({"README": "x"}, name=f"checkout-{name}")
        if name != "Dockerfile":
            (checkout / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\n")
        (checkout / link).symlink_to(secret if name != "context" else tmp_path)
        given = {"context": "sub"} if name == "context" else {}
        outcome = world.run(checkout, **{**SMALL, **given})
        answers[name] = (outcome.report["failure"], "own secret" in outcome.everything)
    dockerfile = f"FROM {BASE_IMAGE}\nLABEL {{mark}}\nCOPY link /got\nRUN cat /got\n"
    copied = world.checkout({"Dockerfile": dockerfile}, name="copied")
    (copied / "link").symlink_to(secret)
    outcome = world.run(copied, **SMALL)

    assert answers == dict.fromkeys(answers, ("outside_checkout", False))
    assert outcome.report["failure"] == "build_failed"
    assert "own secret" not in outcome.everything
    assert world.left_behind(outcome) == []


def printed(outcome: Outcome) -> str:
    """
    What leaves the Action, without the lines that repeat the Dockerfile or tell the runner what
    to mask, which the runner does not show.
    """
    ours = ("Step ", "::add-mask::")
    lines = outcome.everything.splitlines()
    return "\n".join(line for line in lines if not any(each in line for each in ours))


def _filled(text: str, places: dict[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(name, value)
    return text
