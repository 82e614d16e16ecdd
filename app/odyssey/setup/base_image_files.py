"""
The files of a stand-in base image, taken from this machine and written as one tar stream.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TOOLS = (
    "sh bash cat ls echo printf env id sleep mkdir rmdir rm cp mv ln chmod chown chgrp touch test "
    "true false grep sed awk find xargs head tail sort uniq wc cut tr tee date uname basename "
    "dirname readlink realpath mktemp stat df du ps kill timeout nproc tar gzip sha256sum diff "
    "hostname whoami which groupadd useradd"
).split()

# Found by the loader without any configuration, on every glibc system.
TRUSTED_LIBRARY_FOLDERS = re.compile(r"^/(usr/)?lib(32|64)?(/[^/]+-linux-gnu[^/]*)?$")

# What nobody runs in a service's image: 60 MB of tests, static libraries and desktop programs.
LEFT_OUT = re.compile(
    r"(^|/)(test|tests|idlelib|tkinter|turtledemo|lib2to3|site-packages|dist-packages"
    r"|config-\d[^/]*|EXTERNALLY-MANAGED)(/|$)|\.a$|\.opt-\d\.pyc$"
)

ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n"
    "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nwww-data:x:33:\nusers:x:100:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
COPIED_IF_THERE = (
    "/etc/services",
    "/etc/protocols",
    "/etc/os-release",
    "/etc/login.defs",
    "/etc/ssl/certs/ca-certificates.crt",
)

PIP = """\
#!/usr/local/bin/python3
import sys
from pip._internal.cli.main import main
sys.exit(main())
"""


class NotBuildable(Exception):
    """
    No image can be made of this machine's files; the message says why.
    """


@dataclass(frozen=True, slots=True)
class Interpreter:
    """
    A Python of this machine: its program, its standard library, its version.
    """

    program: Path
    library: Path
    full_version: str

    @property
    def version(self) -> str:
        """
        Major and minor version: `3.11`.
        """
        return ".".join(self.full_version.split(".")[:2])

    @classmethod
    def nearest_to(cls, version: str) -> Interpreter:
        """
        The Python called *version* if there is one, else the one that runs this.

        Raises:
            NotBuildable: not on Linux with glibc, whose programs alone can be copied so.
        """
        if sys.platform != "linux" or shutil.which("ldd") is None:
            raise NotBuildable("an image can be built from the machine's own Python only on Linux")
        candidates = [sys.executable, f"python{version}", f"/usr/bin/python{version}"]
        found = [each for each in map(cls._ask, candidates) if each is not None]
        if not found:
            raise NotBuildable(f"{sys.executable} does not say where its library is")
        return next((each for each in found if each.version == version), found[0])

    @classmethod
    def _ask(cls, command: str) -> Interpreter | None:
        question = (
            "import json, os, platform, sys, sysconfig; v = '%d.%d' % sys.version_info[:2];"
            "print(json.dumps([os.path.join(sys.base_exec_prefix, 'bin', 'python' + v),"
            " os.path.dirname(os.__file__), platform.python_version()]))"
        )
        try:
            done = subprocess.run(
                [command, "-c", question], capture_output=True, timeout=30, check=True
            )
        except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return None
        program, library, version = json.loads(done.stdout)
        found = cls(Path(program).resolve(), Path(library), version)
        return found if found.program.is_file() else None


def write_image(stream: IO[bytes], interpreter: Interpreter) -> None:
    """
    Write the whole root file system to *stream*, as a tar archive.

    Python lies in /usr/local, as in the official image, except one that was built for /usr:
    Debian's finds its packages only there, so /usr/local/bin then holds links to it.
    """
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        image = _Image(archive)
        image.folders()
        tools = [Path(found) for tool in TOOLS if (found := shutil.which(tool))]
        for tool in tools:
            image.file(tool, f"usr/bin/{tool.name}")
        extensions = sorted((interpreter.library / "lib-dynload").glob("*.so"))
        for library in _libraries([*tools, interpreter.program, *extensions]):
            image.library(library)
        image.python(interpreter)
        for path in filter(os.path.exists, COPIED_IF_THERE):
            image.file(Path(path), path.lstrip("/"))
        for name, text in ACCOUNTS.items():
            image.text(name, text)


class _Image:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self.archive = archive
        self.written: set[str] = set()

    def folders(self) -> None:
        for name in (
            "usr/bin usr/sbin usr/lib usr/lib64 usr/local/bin usr/local/lib etc/ssl/certs "
            "home opt proc root run srv sys dev var/lib var/log"
        ).split():
            self.folder(name)
        for name in ("tmp", "var/tmp"):
            self.folder(name, mode=0o1777)
        for name in ("bin", "sbin", "lib", "lib64"):
            self.link(name, f"usr/{name}")
        # Where Debian's OpenSSL looks for the authorities it trusts.
        self.folder("usr/lib/ssl")
        self.link("usr/lib/ssl/certs", "/etc/ssl/certs")
        self.link("usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")

    def folder(self, name: str, *, mode: int = 0o755) -> None:
        for parent in reversed(Path(name).parents[:-1]):
            self._add(tarfile.TarInfo(str(parent)), kind=tarfile.DIRTYPE, mode=0o755)
        self._add(tarfile.TarInfo(name), kind=tarfile.DIRTYPE, mode=mode)

    def link(self, name: str, target: str) -> None:
        entry = tarfile.TarInfo(name)
        entry.linkname = target
        self._add(entry, kind=tarfile.SYMTYPE, mode=0o777)

    def text(self, name: str, text: str, *, mode: int = 0o644) -> None:
        entry = tarfile.TarInfo(name)
        entry.size = len(text.encode())
        self._add(entry, kind=tarfile.REGTYPE, mode=mode, content=io.BytesIO(text.encode()))

    def file(self, source: Path, name: str) -> None:
        self.folder(str(Path(name).parent))
        entry = tarfile.TarInfo(name)
        status = source.stat()
        # A compiled module counts only while its source has the time it was compiled from.
        entry.size, entry.mtime = status.st_size, int(status.st_mtime)
        with source.open("rb") as content:
            self._add(entry, kind=tarfile.REGTYPE, mode=status.st_mode & 0o755, content=content)

    def library(self, source: Path) -> None:
        is_trusted = TRUSTED_LIBRARY_FOLDERS.match(str(source.parent))
        name = str(source) if is_trusted else f"/usr/lib/{source.name}"
        self.file(source, re.sub(r"^/lib", "/usr/lib", name).lstrip("/"))

    def tree(self, source: Path, name: str) -> None:
        for path in _files_below(source):
            self.file(path, f"{name}/{path.relative_to(source)}")

    def python(self, interpreter: Interpreter) -> None:
        version = interpreter.version
        of_the_system = interpreter.program.parent == Path("/usr/bin")
        prefix = "usr" if of_the_system else "usr/local"
        program = f"{prefix}/bin/python{version}"
        self.file(interpreter.program, program)
        self.tree(interpreter.library, f"{prefix}/lib/python{version}")
        for name in ("python", "python3", f"python{version}"):
            if f"usr/local/bin/{name}" != program:
                self.link(f"usr/local/bin/{name}", f"/{program}")
        packages = (
            "usr/lib/python3/dist-packages"
            if of_the_system
            else (f"usr/local/lib/python{version}/site-packages")
        )
        self.folder(packages)
        pip = importlib.util.find_spec("pip")
        if pip is not None and pip.origin is not None:
            self.tree(Path(pip.origin).parent, f"{packages}/pip")
            for name in ("pip", "pip3"):
                self.text(f"usr/local/bin/{name}", PIP, mode=0o755)

    def _add(
        self, entry: tarfile.TarInfo, *, kind: bytes, mode: int, content: IO[bytes] | None = None
    ) -> None:
        if entry.name in self.written:
            return
        self.written.add(entry.name)
        entry.type, entry.mode = kind, mode
        self.archive.addfile(entry, content)


def _files_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not LEFT_OUT.search(str(path.relative_to(folder))):
            yield path


def _libraries(programs: Iterable[Path]) -> list[Path]:
    """
    Every shared library that the programs are linked with, the loader included.
    """
    done = subprocess.run(
        ["ldd", *map(str, programs)], capture_output=True, text=True, timeout=60, check=False
    )
    found = {Path(path) for path in re.findall(r"(/\S+\.so\S*) \(0x", done.stdout)}
    # Opened by name at run time, so no program is linked with them.
    beside = {path.parent for path in found if path.name.startswith("libc.so")}
    names = ("libnss_files.so.2", "libnss_dns.so.2")
    found |= {folder / name for folder in beside for name in names if (folder / name).exists()}
    return sorted(found)
