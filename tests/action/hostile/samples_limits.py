"""
Samples that use up what the sandbox has: processes, memory, disk, output, time.
"""

from __future__ import annotations

from action.hostile.sample import Sample, attack, built

_SERVER = """\
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
"""
_SERVICE = 'COPY . /app\nWORKDIR /app\nEXPOSE 8000\nCMD ["python3", "server.py"]\n'

SAMPLES: tuple[Sample, ...] = (
    attack(
        "fork bomb",
        "import os, time\nwhile True:\n    if os.fork() == 0:\n        time.sleep(30)\n",
        conclusion="failure",
        failure="too_many_processes",
        findings="engine:process_limit",
    ),
    attack(
        "fork bomb that never gives up",
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n",
        conclusion="timed_out",
        failure="tests_timed_out",
        findings="engine:process_limit",
        test_timeout="2s",
        cpus="0.2",
    ),
    attack(
        "memory bomb",
        "blocks = []\nwhile True:\n    blocks.append(bytearray(1 << 20))\n",
        conclusion="failure",
        failure="out_of_memory",
        findings="engine:out_of_memory",
    ),
    attack(
        "memory bomb in a child, the tests go on",
        "import subprocess, sys\n"
        "bomb = 'x = bytearray(256 << 20)'\n"
        "print(subprocess.run([sys.executable, '-c', bomb]).returncode)\n",
        findings="engine:out_of_memory",
    ),
    built(
        "memory bomb in the application",
        _SERVICE,
        files={"server.py": "x = bytearray(256 << 20)\nimport time; time.sleep(60)\n"},
        failure="out_of_memory|killed",
        phase="health",
    ),
    attack(
        "disk filler",
        "with open('/tmp/a', 'wb') as a, open('/tmp/b', 'wb') as b, open('/tmp/c', 'wb') as c:\n"
        "    for file in (a, b, c):\n"
        "        file.write(bytes(3 << 20)); file.flush()\n",
        conclusion="failure",
        failure="tests_failed",
        findings="output:no_space",
    ),
    attack(
        "one large file",
        "with open('/tmp/large', 'wb') as file:\n    file.write(bytes(6 << 20)); file.flush()\n",
        conclusion="failure",
        failure="tests_failed",
        findings="output:file_too_large",
    ),
    attack(
        "shared memory filler",
        "import os\nos.ftruncate(os.open('/dev/shm/x', os.O_CREAT | os.O_RDWR), 3 << 20)\n"
        "with open('/dev/shm/x', 'wb') as file:\n    file.write(bytes(64 << 20))\n",
        conclusion="failure",
        failure="tests_failed",
        findings="output:file_too_large",
    ),
    attack(
        "infinite output",
        "while True:\n    print('noise ' * 1000)\n",
        conclusion="failure",
        failure="tests_output_limit",
    ),
    attack(
        "one endless line",
        "import sys\nwhile True:\n    sys.stdout.write('x' * 100000)\n",
        conclusion="failure",
        failure="tests_output_limit",
    ),
    attack(
        "sleep for ever",
        "import time\nprint('asleep', flush=True)\ntime.sleep(10**6)\n",
        conclusion="timed_out",
        failure="tests_timed_out",
        shown=("asleep",),
        test_timeout="2s",
    ),
    attack(
        "a process that outlives the tests",
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(10**6)\n"
        "    os._exit(0)\n"
        "print('tests are over')\n",
        shown=("tests are over",),
        at_most_s=12,
    ),
    built(
        "an image of many gigabytes",
        "RUN head -c 400000000 /dev/zero > /large\n",
        failure="image_too_large",
        max_image_size="300m",
        build_timeout="60s",
    ),
    built(
        "a build that writes without end",
        "RUN while true; do head -c 20000000 /dev/zero >> /large; sleep 0.05; done\n",
        failure="image_too_large",
        max_image_size="200m",
        build_timeout="60s",
    ),
    built(
        "a build that never ends",
        "RUN sleep 100000\n",
        conclusion="timed_out",
        failure="build_timed_out",
        build_timeout="3s",
    ),
    built(
        "a build that prints without end",
        "RUN python3 -c \"while True: print('noise' * 1000)\"\n",
        failure="build_output_limit",
    ),
    built(
        "a build that forks without end",
        "COPY bomb.py /\nRUN python3 /bomb.py\n",
        files={"bomb.py": "import os, time\nwhile True:\n    os.fork() or time.sleep(60)\n"},
        failure="build_failed",
        shown=("Resource temporarily unavailable",),
        build_timeout="60s",
        build_memory="1g",
    ),
    built(
        "a build that takes all memory",
        "RUN python3 -c 'x = bytearray(512 << 20)'\n",
        failure="build_out_of_memory",
        build_memory="64m",
    ),
    built(
        "an application that accepts and never answers",
        _SERVICE,
        files={
            "server.py": "import socket, time\n"
            "s = socket.create_server(('', 8000)); time.sleep(10**6)\n"
        },
        conclusion="timed_out",
        failure="health_timed_out",
        phase="health",
        health_timeout="3s",
    ),
    built(
        "a test that kills the application",
        _SERVICE,
        files={
            "server.py": _SERVER,
            "attack.py": "import os, signal\n"
            "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
            "    if b'server.py' in open(f'/proc/{pid}/cmdline', 'rb').read():\n"
            "        try: os.kill(int(pid), signal.SIGKILL)\n"
            "        except OSError: pass\n"
            "import time; time.sleep(5); print('still here')\n",
        },
        failure="application_died",
        phase="tests",
        test_command="python3 attack.py",
    ),
)
