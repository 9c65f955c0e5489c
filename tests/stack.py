"""The servers that tests run against: started once a session by a supervisor of their own, behind, in a folder of its own.

A test talks to that supervisor as the commands do. `python -m tests.stack FOLDER` is what runs behind.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from cdr_exports.local import s3_server
from cdr_exports.local.addresses import Addresses
from cdr_exports.local.control import NotRunning, ask
from cdr_exports.local.folder import Folder
from cdr_exports.local.keeper import Keeper
from cdr_exports.local.members import Wishes
from cdr_exports.local.ports import Ports
from cdr_exports.local.s3_server import S3Server
from cdr_exports.local.server import before_exec
from cdr_exports.local.supervisor import supervise

PORT_OFFSET = 2000
"""Away from a stack that a person may have running; a port that is taken moves on."""
LOOK_SECONDS = 0.1
STOP_SECONDS = 30
REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickHouse:
    """A ClickHouse to test against. `url` carries user and password."""

    url: str
    user: str
    password: str
    has_faults: bool

    @classmethod
    def at(cls, url: str, *, has_faults: bool) -> ClickHouse:
        parts = urlsplit(url)
        user, password = unquote(parts.username or "default"), unquote(parts.password or "")
        return cls(url=url, user=user, password=password, has_faults=has_faults)

    async def faults(self, rules: Sequence[dict[str, Any]]) -> None:
        """Plants faults in the answers to come, in place of those planted before; see engine_faults."""
        await asyncio.to_thread(self._faults, "POST", json.dumps(rules))

    async def faults_left(self) -> list[dict[str, Any]]:
        """The rules that have not struck as often as they may."""
        left: list[dict[str, Any]] = json.loads(await asyncio.to_thread(self._faults, "GET", None))
        return left

    def _faults(self, method: str, body: str | None) -> bytes:
        if not self.has_faults:
            pytest.skip("no fault can be planted in a ClickHouse that is not the local stack's")
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        connection.request(method, "/__faults", body, {"Authorization": f"Basic {token}"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status == http.client.OK, content.decode()
        return content


class Stack:
    """Kafka, PostgreSQL and ClickHouse, running. Names: kafka, postgres, clickhouse."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        status = ask(folder, "status")["status"]
        self.kafka_bootstrap: str = status["kafka"]
        self.postgres_dsn: str = status["postgres"]
        self.clickhouse = ClickHouse.at(status["clickhouse"], has_faults=True)

    async def kill(self, name: str) -> None:
        """SIGKILL. Returns when it is dead; it comes back by itself, `start` waits for that."""
        await asyncio.to_thread(ask, self.folder, "kill", name)

    async def stop(self, name: str) -> None:
        """Returns when it has ended; it stays so until `start`."""
        await asyncio.to_thread(ask, self.folder, "stop", name)

    async def start(self, name: str) -> None:
        """Returns when it does its work."""
        await asyncio.to_thread(ask, self.folder, "start", name)

    async def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = (await asyncio.to_thread(ask, self.folder, "status"))["status"]
        return answer


@contextmanager
def running_stack() -> Iterator[Stack]:
    """A stack of its own, in a folder of its own; both are gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="cdr-exports-tests-"))
    try:
        with supervisor_of(Folder(home / "stack")):
            yield Stack(Folder(home / "stack"))
    finally:
        shutil.rmtree(home, ignore_errors=True)


class S3:
    """A running S3 server with one bucket. `environment` is what its clients are told."""

    def __init__(self, server: S3Server, keeper: Keeper) -> None:
        self._keeper = keeper
        self.url = server.store_url
        self.environment = server.access()

    async def stop(self) -> None:
        await self._keeper.stop()

    async def start(self) -> None:
        await self._keeper.start()


@asynccontextmanager
async def running_s3() -> AsyncIterator[S3]:
    """A server of its own, in a folder of its own; both are gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="cdr-exports-s3-"))
    try:
        with Ports() as ports:
            usual = {name: port + PORT_OFFSET for name, port in s3_server.USUAL_PORTS.items()}
            server = S3Server("s3", home / "s3", ports.take(usual), secrets.token_urlsafe(24))
            keeper = Keeper(server, home / "s3" / "log", lambda: None)
            running = asyncio.create_task(keeper.run())
            try:
                await keeper.start()
                yield S3(server, keeper)
            finally:
                running.cancel()
                await asyncio.wait([running])
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def supervisor_of(folder: Folder) -> Iterator[subprocess.Popen[bytes]]:
    """The supervisor of a stack in `folder`, behind; everything runs when the context begins, nothing when it ends."""
    with tempfile.TemporaryFile() as said:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "tests.stack", str(folder.path)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            preexec_fn=partial(before_exec, os.getpid(), signal.SIGTERM, False),  # noqa: PLW1509 -- it ends with us
        )
        try:
            while not _is_ready(folder):
                if supervisor.poll() is not None:
                    said.seek(0)
                    pytest.fail(f"the stack did not start:\n{said.read().decode()}")
                time.sleep(LOOK_SECONDS)
            yield supervisor
        finally:
            supervisor.terminate()
            try:
                supervisor.wait(STOP_SECONDS)
            finally:
                supervisor.kill()


def _is_ready(folder: Folder) -> bool:
    try:
        return bool(ask(folder, "status")["status"]["ready"])
    except NotRunning:
        return False


async def _nothing(_: Addresses) -> None:
    """Topics and tables are made by the tests that need them."""


def main() -> None:
    wishes = Wishes(port_offset=PORT_OFFSET, faults_allowed=True)
    folder = Folder(Path(sys.argv[1]))
    asyncio.run(supervise(folder, wishes, prepare=_nothing, load=_nothing, changed=lambda _: None))


if __name__ == "__main__":
    main()
