"""Git over smart HTTP: `git http-backend` behind the simulator's own credentials."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from odyssey.simulator import pushes
from odyssey.simulator.auth import Caller, authenticate, simulator_of
from odyssey.simulator.errors import ApiError
from odyssey.simulator.git import ZERO, Git, environment
from odyssey.simulator.referee import Push
from odyssey.simulator.state import Repository

router = APIRouter()


@router.get("/{owner}/{name}/info/refs")
async def info_refs(owner: str, name: str, request: Request) -> Response:
    """The advertisement of refs that begins a clone, fetch or push."""
    service = request.query_params.get("service", "")
    if service not in ("git-upload-pack", "git-receive-pack"):
        return PlainTextResponse("Please upgrade your git client.", status_code=403)
    return await _serve(request, owner, name, service, "info/refs")


@router.post("/{owner}/{name}/git-upload-pack")
async def upload_pack(owner: str, name: str, request: Request) -> Response:
    """A clone or fetch."""
    return await _serve(request, owner, name, "git-upload-pack", "git-upload-pack")


@router.post("/{owner}/{name}/git-receive-pack")
async def receive_pack(owner: str, name: str, request: Request) -> Response:
    """A push; its consequences are drawn before the client reads the answer."""
    return await _serve(request, owner, name, "git-receive-pack", "git-receive-pack")


async def _serve(request: Request, owner: str, name: str, service: str, path: str) -> Response:
    simulator = simulator_of(request)
    try:
        caller = authenticate(request.headers, simulator.state, simulator.clock())
    except ApiError as error:
        return _ask_again("Invalid username or token.", error.status)
    repository = simulator.state.find_repository(owner, name.removesuffix(".git"))
    refused = _refusal(caller, repository, service)
    if refused is not None or repository is None:
        return refused or PlainTextResponse("Repository not found.", status_code=404)
    push = Push(repository, caller)
    body = await request.body()
    with simulator.referee.watching(push) as extra:
        answer = await _backend(request, repository, path, body, extra)
    done = [u for u in push.updates if _happened(Git(repository.git_dir), u)]
    if done:
        simulator.serial += 1
        pushes.apply(simulator, repository, done, caller.actor, by_actions=caller.by_actions)
    return answer


def _ask_again(message: str, status: int) -> Response:
    headers = {"www-authenticate": 'Basic realm="GitHub"'} if status == 401 else {}
    return PlainTextResponse(f"remote: {message}\n", status_code=status, headers=headers)


def _refusal(caller: Caller, repository: Repository | None, service: str) -> Response | None:
    writes = service == "git-receive-pack"
    if caller.kind == "anonymous" and (repository is None or repository.private or writes):
        return _ask_again("No anonymous access.", 401)
    if repository is None or caller.kind == "app" or not caller.sees(repository):
        return PlainTextResponse("Repository not found.", status_code=404)
    if not caller.has(repository, "contents", "write" if writes else "read"):
        message = "Write access to repository not granted."
        return PlainTextResponse(message, status_code=403)
    if writes and repository.archived:
        return PlainTextResponse("This repository was archived so it is read-only.", 403)
    return None


def _happened(git: Git, update: pushes.RefUpdate) -> bool:
    return (git.find_ref(update.ref) or ZERO) == update.new


async def _backend(
    request: Request,
    repository: Repository,
    path: str,
    body: bytes,
    extra: dict[str, str],
) -> Response:
    variables = {
        **environment(),
        **extra,
        "GIT_PROJECT_ROOT": str(repository.git_dir.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.git_dir.name}/{path}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.url.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "REMOTE_USER": "simulator",
    }
    process = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        env=variables,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate(body)
    head, _, content = printed.partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    status = 200
    for line in head.decode(errors="replace").split("\r\n"):
        key, _, value = line.partition(": ")
        if key.lower() == "status":
            status = int(value.split()[0])
        elif value:
            headers[key] = value
    return Response(content, status_code=status, headers=headers)
