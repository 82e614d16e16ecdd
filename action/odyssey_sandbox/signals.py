"""
A cancelled job ends as `Cancelled`, raised in the main thread, so that clean-up always runs.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Cancelled(BaseException):
    """
    The process was asked to end; `signal_name` says how.
    """

    def __init__(self, number: int) -> None:
        self.signal_name = signal.Signals(number).name
        super().__init__(self.signal_name)


@contextmanager
def cancellable() -> Iterator[None]:
    """
    Turn SIGINT, SIGTERM and SIGHUP into one `Cancelled`; later ones are ignored.

    In another thread than the main one, where Python allows no handlers, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def cancel(number: int, _frame: FrameType | None) -> None:
        for watched in _WATCHED:
            signal.signal(watched, signal.SIG_IGN)
        raise Cancelled(number)

    previous = {watched: signal.signal(watched, cancel) for watched in _WATCHED}
    try:
        yield
    finally:
        for watched, handler in previous.items():
            signal.signal(watched, handler)
