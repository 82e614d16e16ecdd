"""
Packages of Debian and its relatives: installed where we may, named where we may not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence

UPDATE_TIME_LIMIT_S = 180
INSTALL_TIME_LIMIT_S = 900


class NotInstalled(Exception):
    """
    Packages are missing and were not installed; the message says which and what to do.
    """


def may_install() -> bool:
    """
    This process is root and the machine has apt.
    """
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_packages(names: Sequence[str]) -> None:
    """
    Install the packages, without what they only recommend; apt's own output is shown.

    The package lists are fetched first; where that fails, what is known is used. One retry:
    mirrors are replaced in the middle of a download now and then.

    Raises:
        NotInstalled: not root on Debian, or apt failed twice.
    """
    wanted = " ".join(names)
    if not may_install():
        raise NotInstalled(f"install {wanted} (Debian, as root: apt-get install {wanted})")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0"]
    for attempt in (1, 2):
        try:
            subprocess.run(
                [*quiet, "update"], env=environment, timeout=UPDATE_TIME_LIMIT_S, check=False
            )
            subprocess.run(
                [*quiet, "install", "-y", "--no-install-recommends", *names],
                env=environment,
                stdin=subprocess.DEVNULL,
                timeout=INSTALL_TIME_LIMIT_S,
                check=True,
            )
            return
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            if attempt == 2:
                raise NotInstalled(
                    f"apt-get could not install {wanted} ({error}); its output is above"
                ) from error
            time.sleep(2)
