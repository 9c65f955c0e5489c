"""How commands talk to a running supervisor: a Unix socket in the stack's folder, one JSON line each way.

Ask it, not status.json: a file goes stale when its writer is killed, a socket does not answer then.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from cdr_exports.local.folder import Folder
from cdr_exports.local.server import Unavailable

Request = list[str]
"""A verb and its arguments."""
Obey = Callable[[Request], Awaitable[dict[str, Any]]]
REQUEST_SECONDS = 5


class NotRunning(Unavailable):
    """No supervisor answers in the folder."""


@asynccontextmanager
async def listening(folder: Folder, obey: Obey) -> AsyncIterator[None]:
    """Obeys requests for the time of the context; each is answered when it is done. `obey` may raise Unavailable."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, ValueError):  # a client that goes or talks nonsense harms only itself
            async with asyncio.timeout(REQUEST_SECONDS):
                request = json.loads(await reader.readline())
            try:
                answer = await obey(request)
            except Unavailable as error:
                answer = {"error": str(error)}
            writer.write(json.dumps(answer).encode())
            await writer.drain()
        writer.close()

    with _short_path(folder) as path:
        server = await asyncio.start_unix_server(serve, path)
        folder.control.chmod(0o600)
        try:
            yield
        finally:
            server.close()
            folder.control.unlink(missing_ok=True)


def ask(folder: Folder, *request: str, timeout_seconds: float | None = None) -> dict[str, Any]:
    """Has the supervisor do something and returns its answer; blocks until it is done.

    Raises NotRunning where there is none, Unavailable with what it says otherwise.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_seconds)
        try:
            with _short_path(folder) as path:
                connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            answered = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        except (FileNotFoundError, NotADirectoryError, ConnectionError) as error:
            raise NotRunning(f"no stack runs in {folder.path}: start it with `cdr-exports local up`") from error
        except TimeoutError as error:
            raise Unavailable(f"the stack in {folder.path} does not answer") from error
    if not answered:
        raise NotRunning(f"the stack in {folder.path} ended meanwhile")
    answer: dict[str, Any] = json.loads(answered)
    if "error" in answer:
        raise Unavailable(answer["error"])
    return answer


@contextmanager
def _short_path(folder: Folder) -> Iterator[str]:
    """The path of a socket has 107 bytes at most, which a folder may exceed: the way leads through a descriptor."""
    descriptor = os.open(folder.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{folder.control.name}"
    finally:
        os.close(descriptor)
