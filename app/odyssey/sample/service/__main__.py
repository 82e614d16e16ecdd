"""
`python -m service`: serve until the process is ended.
"""

from __future__ import annotations

import os
import sys

from service.server import make_server

if __name__ == "__main__":
    everywhere = "0.0.0.0"  # noqa: S104 - a container's port is reached from outside of it
    server = make_server(everywhere, int(os.environ.get("PORT", "8000")))
    sys.stdout.write(f"greeter listens on port {server.server_port}\n")
    server.serve_forever()
