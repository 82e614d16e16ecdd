"""
The HTTP side: paths to answers, answers to JSON.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from service.answers import BadRequest, add, greet


def respond(path: str) -> tuple[HTTPStatus, dict[str, object]]:
    """
    The status and the JSON object that answer a GET of *path*.
    """
    parts = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    try:
        match parts.path:
            case "/health":
                return HTTPStatus.OK, {"status": "ok"}
            case "/greet":
                return HTTPStatus.OK, {"greeting": greet(query.get("name", ""))}
            case "/sum":
                return HTTPStatus.OK, {"sum": add(query.get("numbers", ""))}
            case _:
                return HTTPStatus.NOT_FOUND, {"error": f"there is no {parts.path}"}
    except BadRequest as error:
        return HTTPStatus.BAD_REQUEST, {"error": str(error)}


class Handler(BaseHTTPRequestHandler):
    """
    Answers GET requests with JSON.
    """

    server_version = "greeter/1"

    def do_GET(self) -> None:
        """
        Answer one request.
        """
        status, answer = respond(self.path)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """
        Keep quiet: the one who runs the service sees errors only.
        """


def make_server(host: str, port: int) -> ThreadingHTTPServer:
    """
    A server that listens on *host* and *port*; port 0 takes a free one.
    """
    return ThreadingHTTPServer((host, port), Handler)
