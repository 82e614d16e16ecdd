"""
GitHub's OpenAPI description cut down to what is checked: operations, webhooks, and what they need.

The full description (npm package @octokit/openapi) holds the oldest supported API version and,
beside each place that changed since, the patches of later versions in
`x-github-breaking-changes`: a mapping is a JSON Merge Patch (RFC 7396), a list a JSON Patch
(RFC 6902); both are relative to the object that holds them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

Json = Any
CHANGES = "x-github-breaking-changes"

# Keywords for readers only. None of them says what is valid.
PROSE = frozenset(
    {"description", "summary", "example", "examples", "externalDocs", "tags", "title"}
    | {"x-github", "x-octokit", "deprecated", "x-deprecation-details"}
)
# GitHub's description is newer in githubkit than on npm: there every label has these, and githubkit
# refuses a label without them.
LABEL_MARK = frozenset({"color", "default", "name", "node_id"})
LABEL_ADDITIONS: dict[str, Json] = {
    "archived_at": {"type": "string", "format": "date-time", "nullable": True},
    "archived_by": {"type": "object", "nullable": True},
}
# Here the description spells the schema out and asks for a user and an enterprise in one object;
# githubkit reads a list of installations.
WRONG_ANSWERS: dict[tuple[str, str, str], Json] = {
    ("/app/installations", "get", "200"): {
        "type": "array",
        "items": {"$ref": "#/components/schemas/installation"},
    }
}
# Objects whose keys are names chosen by the API, not keywords.
NAME_MAPS = frozenset(
    {"properties", "patternProperties", "responses", "headers", "content", "schemas", "parameters"}
    | {"paths", "x-webhooks", "definitions", "mapping"}
)
ERRORS = ("basic-error", "validation-error", "validation-error-simple")
REVIEW_THREAD = "pull_request_review_thread"
LITERALS = frozenset({"enum", "default", "const", "required"})


class CutError(Exception):
    """
    The description does not hold what was asked for.
    """


def description_of(
    full: Json, *, version: str, operations: Iterable[str], webhooks: Iterable[str]
) -> Json:
    """
    The OpenAPI 3.0 description of *version*, with only the named *operations* and *webhooks*.

    *operations* are `METHOD /path`; *webhooks* are names under `x-webhooks` and may hold `*`.

    Raises:
        CutError: an operation or webhook that is asked for does not exist.
    """
    full = apply_changes(copy.deepcopy(full), version)
    paths: dict[str, dict[str, Json]] = {}
    for line in operations:
        method, path = line.split()
        try:
            paths.setdefault(path, {})[method.lower()] = full["paths"][path][method.lower()]
        except KeyError as error:
            raise CutError(f"operations.txt: GitHub has no {line}; remove or mend it") from error
    for (path, method, status), schema in WRONG_ANSWERS.items():
        if method in paths.get(path, ()):
            answer = copy.deepcopy(paths[path][method])
            answer["responses"][status]["content"]["application/json"]["schema"] = schema
            paths[path][method] = answer
    hooks: dict[str, Json] = {}
    for pattern in webhooks:
        found = {n: h for n, h in full["x-webhooks"].items() if fnmatchcase(n, pattern)}
        if not found:
            raise CutError(f"webhooks.txt: GitHub has no {pattern}; remove or mend it")
        hooks |= {name: _payload_only(hook) for name, hook in found.items()}
    cut = {
        "openapi": full["openapi"],
        "info": {"title": "GitHub REST API, cut", "version": version},
        "servers": full["servers"],
        "paths": without_prose(paths),
        "x-webhooks": without_prose(hooks),
    }
    # What an error may look like where an operation does not say; see checker.py.
    cut["x-errors"] = {name: {"$ref": f"#/components/schemas/{name}"} for name in ERRORS}
    cut["components"] = _reachable(cut, full["components"])
    _mend(cut)
    return cut


def apply_changes(node: Json, version: str) -> Json:
    """
    *node* with every change up to and including *version* applied, in order; changed in place.
    """
    match node:
        case dict():
            changes = sorted(node.pop(CHANGES, ()), key=lambda change: str(change["version"]))
            for change in changes:
                if change["version"] > version:
                    continue
                patch = change["patch"]
                node = json_patch(node, patch) if isinstance(patch, list) else merge(node, patch)
            return {key: apply_changes(value, version) for key, value in node.items()}
        case list():
            return [apply_changes(value, version) for value in node]
        case _:
            return node


def merge(target: Json, patch: Json) -> Json:
    """
    *target* after the JSON Merge Patch *patch* (RFC 7396): null removes, objects merge.
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def json_patch(document: Json, operations: Iterable[Json]) -> Json:
    """
    *document* after the JSON Patch *operations* (RFC 6902; add, replace and remove).
    """
    for operation in operations:
        *parents, last = (
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        )
        holder = document
        for part in parents:
            holder = holder[int(part) if isinstance(holder, list) else part]
        at: Any = last
        if isinstance(holder, list):
            at = len(holder) if last == "-" else int(last)
        match operation["op"], holder:
            case "remove", _:
                del holder[at]
            case "add", list():
                holder.insert(at, operation["value"])
            case "add" | "replace", _:
                holder[at] = operation["value"]
            case other, _:
                raise CutError(f"JSON Patch operation {other!r} is not known here; add it")
    return document


def without_prose(node: Json, *, names: bool = True) -> Json:
    """
    *node* without descriptions, examples and GitHub's notes.

    *names* says that the keys of *node* are names (of properties, paths ...), to be kept as they
    are. OpenAPI wants a `description` in every response, so there it becomes an empty one.
    """
    match node:
        case dict():
            kept: dict[str, Json] = {}
            for key, value in node.items():
                if names:
                    kept[key] = without_prose(value, names=False)
                elif key in LITERALS:
                    kept[key] = value
                elif key not in PROSE:
                    kept[key] = without_prose(value, names=key in NAME_MAPS)
                    if key == "responses":
                        kept[key] = {
                            status: {"description": "", **response}
                            if "$ref" not in response
                            else response
                            for status, response in kept[key].items()
                        }
            return kept
        case list():
            return [without_prose(item, names=False) for item in node]
        case _:
            return node


def references(node: Json) -> Iterator[str]:
    """
    Every local `$ref` in *node*, such as `#/components/schemas/simple-user`.
    """
    match node:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)


def _mend(node: Json) -> None:
    """
    Puts right, in place, what GitHub's description is known to say wrongly.

    1. Labels have newer fields than the published description.
    2. `nullable` beside `enum`, `oneOf` ... means that null is right, but by the letter of OpenAPI
       3.0.3 it is then neither in the enumeration nor in a branch.
    3. What githubkit's own list of corrections (`versions.lock`) makes nullable: the description
       of a label in a list of pull requests, `merged_at` of an issue that is a pull request.
    4. `oneOf` among error schemas that all fit a plain error: any of them will do.
    5. The events an App can subscribe to are listed in a score of places, and not alike: some
       leave out those of review threads.
    """
    match node:
        case dict():
            properties = node.get("properties")
            if isinstance(properties, dict):
                if properties.keys() >= LABEL_MARK:
                    properties |= LABEL_ADDITIONS
                    properties["description"] = {"type": "string", "nullable": True}
                if properties.keys() >= {"merged_at", "diff_url"} and "number" not in properties:
                    properties["merged_at"]["nullable"] = True
            events = node.get("enum") or ()
            if "branch_protection_rule" in events and REVIEW_THREAD not in events:
                node["enum"] = [*events, REVIEW_THREAD]
            if _are_errors(node.get("oneOf")):
                node["anyOf"] = node.pop("oneOf")
            if node.get("nullable") is True:
                if "enum" in node and None not in node["enum"]:
                    node["enum"] = [*node["enum"], None]
                for key in ("oneOf", "anyOf"):
                    if isinstance(node.get(key), list):
                        node[key] = [*node[key], {"nullable": True, "enum": [None]}]
                if isinstance(node.get("allOf"), list):
                    every = {"allOf": node.pop("allOf")}
                    node["anyOf"] = [every, {"nullable": True, "enum": [None]}]
            for value in node.values():
                _mend(value)
        case list():
            for value in node:
                _mend(value)


def _are_errors(branches: Json) -> bool:
    names = [str(each.get("$ref", "")) for each in branches] if isinstance(branches, list) else []
    return bool(names) and all(name.endswith("-error") for name in names)


def _payload_only(hook: Json) -> Json:
    """
    A webhook without its parameters: headers are those of every delivery.
    """
    post = {key: hook["post"][key] for key in ("operationId", "requestBody", "responses")}
    return {"post": post}


def _reachable(document: Json, components: Json) -> dict[str, dict[str, Json]]:
    kept: dict[str, dict[str, Json]] = {}
    waiting = list(references(document))
    while waiting:
        _, _, kind, name = waiting.pop().split("/", 3)
        if kind == "examples" or name in kept.setdefault(kind, {}):
            continue
        component = without_prose(components[kind][name], names=False)
        if kind == "responses":
            component = {"description": "", **component}
        kept[kind][name] = component
        waiting.extend(references(component))
    return kept
