"""
The service over HTTP, started for the tests on a free port.
"""

import http.client
import json
import threading
import unittest
from typing import Any

from service.server import make_server


class ServiceTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = make_server("127.0.0.1", 0)
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)

    def get(self, path: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=5)
        self.addCleanup(connection.close)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.load(response)

    def test_it_is_healthy(self) -> None:
        self.assertEqual((200, {"status": "ok"}), self.get("/health"))

    def test_it_greets(self) -> None:
        self.assertEqual((200, {"greeting": "Hello, Ada!"}), self.get("/greet?name=Ada"))

    def test_it_adds(self) -> None:
        self.assertEqual((200, {"sum": 6.0}), self.get("/sum?numbers=1,2,3"))

    def test_a_bad_request_says_what_is_wrong(self) -> None:
        self.assertEqual((400, {"error": "name is empty"}), self.get("/greet"))

    def test_an_unknown_path_is_not_found(self) -> None:
        self.assertEqual((404, {"error": "there is no /nothing"}), self.get("/nothing"))
