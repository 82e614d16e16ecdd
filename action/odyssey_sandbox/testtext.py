"""
Counts and failing tests from what test runners print: unittest, pytest, TAP (node), go test.

For test commands that write no JUnit XML. What is not recognised is left unknown.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from odyssey_sandbox.report import FailedTest, TestCounts

_MAX_FAILURES = 200
_MAX_LINE = 500
_UNITTEST_RAN = re.compile(r"^Ran (\d{1,7}) tests? in [\d.]+s$", re.MULTILINE)
_UNITTEST_END = re.compile(r"^(OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$", re.MULTILINE)
_UNITTEST_BLOCK = re.compile(
    r"^={70}\n(?:FAIL|ERROR): ([^\n]+)\n(?:(?!-{70})[^\n]*\n){0,5}-{70}\n"
    r"(.*?)(?=^={70}$|^-{70}$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_PYTEST_END = re.compile(
    r"^=*[ ]?((?:\d+ (?:failed|passed|skipped|errors?|warnings?|xfailed|xpassed|deselected)"
    r"(?:, )?)+)"
    r" in [\d.]+s.*$",
    re.MULTILINE,
)
_PYTEST_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?: - (.*))?$", re.MULTILINE)
_TAP_COUNT = re.compile(
    r"^(?:# |\u2139 )(tests|pass|fail|cancelled|skipped|todo) (\d{1,7})$", re.MULTILINE
)
_TAP_FAILED = re.compile(r"^\s*not ok \d+ - (.+)$", re.MULTILINE)
_GO_RESULT = re.compile(r"^\s*--- (PASS|FAIL|SKIP): (\S+) \(", re.MULTILINE)
_PLACES = (
    re.compile(r'File "([^"\n]{1,400})", line (\d{1,7})'),
    re.compile(r"^([\w./@-]{1,400}\.\w{1,8}):(\d{1,7}): ", re.MULTILINE),
    re.compile(r"(?:file://|\(|'|\s)(/?[\w./@-]{1,400}\.\w{1,8}):(\d{1,7})(?::\d+)?"),
)


def read_output(text: str, checkout: Path) -> TestCounts:
    """
    The tests in the cleaned *text*, by the first runner that is recognised.

    Only its last summary counts; `source` is `none` where there is nothing to count.
    """
    # Long lines are cut: the expressions must stay quick on whatever was printed.
    text = "\n".join(line[:_MAX_LINE] for line in text.splitlines())
    for read in (_unittest, _pytest, _tap, _go):
        found = read(text, checkout)
        if found is not None:
            return found
    return TestCounts()


def in_checkout(path: str, checkout: Path) -> str | None:
    """
    *path*, as seen in the container, as a path in the checkout: its longest end that exists there.
    """
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    if not parts or ".." in parts or "\0" in path or len(path) > 400:
        return None
    for start in range(len(parts)):
        candidate = checkout.joinpath(*parts[start:])
        if candidate.is_file() and not candidate.is_symlink():
            return "/".join(parts[start:])
    return None


def place_in(text: str, checkout: Path, *, prefer: str | None = None) -> tuple[str, int] | None:
    """
    The file and line a traceback blames: the last place in *prefer*, else the last in a test
    file, else the last in the checkout.
    """
    places = []
    for pattern in _PLACES:
        for match in list(pattern.finditer(text))[-60:]:
            file = in_checkout(match[1], checkout)
            if file is not None and int(match[2]):
                places.append((file, int(match[2])))
    for wanted in (
        [place for place in places if place[0] == prefer],
        [place for place in places if "test" in place[0]],
        places,
    ):
        if wanted:
            return wanted[-1]
    return None


def _unittest(text: str, checkout: Path) -> TestCounts | None:
    ran, ends = _UNITTEST_RAN.findall(text), _UNITTEST_END.findall(text)
    if not ran or not ends:
        return None
    detail = dict(re.findall(r"(\w[\w ]*)=(\d+)", ends[-1][1]))
    failed = int(detail.get("failures", 0)) + int(detail.get("errors", 0))
    failed += int(detail.get("unexpected successes", 0))
    found = []
    for name, body in _UNITTEST_BLOCK.findall(text)[:_MAX_FAILURES]:
        place = place_in(body, checkout)
        lines = [line for line in body.strip().splitlines() if line.strip()]
        found.append(
            FailedTest(
                name=_unittest_name(name),
                message=_last_error(lines),
                file=place[0] if place else None,
                line=place[1] if place else None,
            )
        )
    return _counts(int(ran[-1]), failed, int(detail.get("skipped", 0)), found)


def _unittest_name(text: str) -> str:
    found = re.fullmatch(r"(\S+) \(([\w.]+)\)(.*)", text)
    if found is None:
        return text
    name, owner, rest = found.groups()
    return (owner if owner.endswith("." + name) else f"{owner}.{name}") + rest


def _last_error(lines: list[str]) -> str:
    for position in range(len(lines) - 1, -1, -1):
        if re.match(
            r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Failure)\b|AssertionError",
            lines[position],
        ):
            return "\n".join(lines[position : position + 12])
    return lines[-1] if lines else "failed"


def _pytest(text: str, checkout: Path) -> TestCounts | None:
    ends = _PYTEST_END.findall(text)
    if not ends:
        return None
    detail = {kind.rstrip("s"): int(count) for count, kind in re.findall(r"(\d+) (\w+)", ends[-1])}
    failed = detail.get("failed", 0) + detail.get("error", 0)
    skipped = detail.get("skipped", 0) + detail.get("xfailed", 0)
    found = []
    for node, message in _PYTEST_FAILED.findall(text)[:_MAX_FAILURES]:
        path = node.partition("::")[0]
        file = in_checkout(path, checkout)
        name = node.rpartition("::")[2].partition("[")[0]
        section = re.search(
            rf"^_+ .*\b{re.escape(name)}\b.* _+$(.*?)(?=^_+ .* _+$|^=+ )",
            text,
            re.MULTILINE | re.DOTALL,
        )
        place = place_in(section[1], checkout, prefer=file) if section else None
        found.append(
            FailedTest(
                name=node,
                message=message or "failed",
                file=place[0] if place else file,
                line=place[1] if place else None,
            )
        )
    total = failed + skipped + detail.get("passed", 0) + detail.get("xpassed", 0)
    return _counts(total, failed, skipped, found)


def _tap(text: str, checkout: Path) -> TestCounts | None:
    detail = {name: int(count) for name, count in _TAP_COUNT.findall(text)}
    if "tests" not in detail or "fail" not in detail:
        return None
    found = []
    for match in list(_TAP_FAILED.finditer(text))[:_MAX_FAILURES]:
        following = text[match.end() : match.end() + 3000].partition("\n  ...")[0]
        if "subtestsFailed" in following:
            continue
        error = re.search(r"^\s+error: [|>]?-?\s*(.+(?:\n\s{4,}\S.*)?)", following, re.MULTILINE)
        place = place_in(following, checkout)
        found.append(
            FailedTest(
                name=match[1].strip(),
                message=error[1].strip().strip("'") if error else "failed",
                file=place[0] if place else None,
                line=place[1] if place else None,
            )
        )
    failed = detail["fail"] + detail.get("cancelled", 0)
    return _counts(detail["tests"], failed, detail.get("skipped", 0) + detail.get("todo", 0), found)


def _go(text: str, checkout: Path) -> TestCounts | None:
    results = _GO_RESULT.findall(text)
    if not results:
        return None
    found: list[FailedTest] = []
    for match in _GO_RESULT.finditer(text):
        if match[1] != "FAIL" or len(found) >= _MAX_FAILURES:
            continue
        following = text[match.end() : match.end() + 2000].partition("\n---")[0]
        place = place_in(following, checkout)
        lines = [line.strip() for line in following.splitlines()[1:] if line.strip()]
        found.append(
            FailedTest(
                name=match[2],
                message=lines[0] if lines else "failed",
                file=place[0] if place else None,
                line=place[1] if place else None,
            )
        )
    kinds = [kind for kind, _ in results]
    return _counts(len(kinds), kinds.count("FAIL"), kinds.count("SKIP"), found)


def _counts(total: int, failed: int, skipped: int, found: list[FailedTest]) -> TestCounts:
    return TestCounts(
        total=total,
        passed=max(0, total - failed - skipped),
        failed=failed,
        skipped=skipped,
        failures=tuple(found),
        source="output",
    )
