"""
Holds every request, answer and webhook of the simulator against GitHub's own descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contract.github.contract import GATEWAY_FAULTS, Request, Response, the_contract
from contract.github.violations import Side, Violation, told

REFUSED = frozenset({400, 404, 409, 413, 415, 422})  # the server itself said the request is wrong


class ContractChecker:
    """
    An observer of the simulator; `assert_clean()` at the end of a test.

    1. A request fits its operation, unless it was refused for being wrong (400, 404, 422 ...).
    2. An answer fits its operation: status, media type, body, headers.
    3. A 4xx that the description leaves out (it leaves out most) has the body of a GitHub error.
    4. A body with status 2xx parses into githubkit's model of that operation.
    5. A webhook fits `x-webhooks` and parses in githubkit.
    6. 501 (not built) and a bare 500 (a crash) are violations; 502, 503 and 504 are faults made on
       purpose, and pass.

    A check takes less than 10 ms after the first of its kind.
    """

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.checked = 0
        self._contract = the_contract()

    def exchange(self, request: Request, response: Response) -> None:
        """
        Checks one API request and its answer.
        """
        self.checked += 1
        seen = f"{request.method} {request.path} -> {response.status}"
        if request.path.rstrip("/") in ("/graphql", "/api/graphql"):
            self._add("graphql", "graphql", self._contract.graphql_problems(response), seen)
            return
        if response.status == 501:
            unbuilt = [("status", "this endpoint is not built in the simulator")]
            self._add("response", request.path, unbuilt, seen)
            return
        if response.status in GATEWAY_FAULTS:
            return
        matched = self._contract.operations.find(request.method, request.path)
        if matched is None:
            if response.status != 404:
                unknown = [("path", "not a path of operations.txt; GitHub answers 404 to others")]
                self._add("response", request.path, unknown, seen)
            return
        name = matched.operation.operation_id
        if response.status not in REFUSED:
            self._add("request", name, self._contract.request_problems(matched, request), seen)
        for side, where, wrong in self._contract.answer_problems(matched, request, response):
            self._add(side, name, [(where, wrong)], seen)

    def webhook(self, event: str, payload: dict[str, Any]) -> None:
        """
        Checks one webhook payload.
        """
        self.checked += 1
        name = f"{event}.{payload['action']}" if "action" in payload else event
        self._add("webhook", name, self._contract.webhook_problems(event, payload), event)

    def assert_clean(self) -> None:
        """
        Raises:
            AssertionError: there were violations; the text lists each kind with its count.
        """
        if self.violations:
            raise AssertionError(
                f"{len(self.violations)} differences from GitHub's description:\n"
                + told(self.violations)
            )

    def _add(self, side: Side, subject: str, wrong: Iterable[tuple[str, str]], seen: str) -> None:
        for where, expected in wrong:
            self.violations.append(Violation(side, subject, where, expected, seen))
