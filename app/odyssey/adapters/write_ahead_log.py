"""
The write-ahead log of a SQLite file: begun, and emptied, so that deleted text is in no file.
"""

from __future__ import annotations

import sqlite3
import time
from datetime import timedelta

from odyssey.domain.errors import Unavailable

_PAUSE_S = 0.05


def begin(connection: sqlite3.Connection, *, patience: timedelta) -> None:
    """
    Has the file written by way of a log, from now on and by everybody. Repeatable.

    Raises:
        sqlite3.OperationalError: somebody else had the file all the time.
    """
    end = time.monotonic() + patience.total_seconds()
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Of two who make a new file at once, one is refused here, however long it may wait.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def empty(connection: sqlite3.Connection, *, name: str, patience: timedelta) -> None:
    """
    Carries the log into the file and empties it; *name* is how errors call the file. Repeatable.

    Deleted text is overwritten in the file at once; the log would keep it a while.

    Raises:
        Unavailable: somebody read the log all the time.
    """
    end = time.monotonic() + patience.total_seconds()
    # SQLite waits for readers by itself, not for another that empties the log; and it does not
    # raise when it has waited in vain.
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > end:
            raise Unavailable(
                f"{name}: the deletion is done, but its traces are still in the log file while "
                "somebody reads; call again"
            )
        time.sleep(_PAUSE_S)
