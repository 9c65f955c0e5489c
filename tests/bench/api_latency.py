"""How long the customer API takes to answer, over HTTP, against everything real on this machine.

    python -m tests.bench.api_latency [--requests 1000] [--rate 50] [--with-processor] [--set POSTGRES_POOL_SIZE=4]

Requests start on a fixed beat, whether earlier ones have been answered or not, and each is timed from its beat: a server
that stalls is not spared. The processor is stopped, so that what is measured is the API and not 50 exports a second;
with `--with-processor` it runs.

Prints p50, p99 and the longest of POST to 201, GET one, and a list of 50, with the CPU that the facade spent on each,
and beside them two references of the same run: a bare route of the framework over HTTP on the same beat (what this
machine, this client and the framework take at the least), and the CPU of that route in process. Compare with these, not
with other machines: what the cores do besides shows in the times, not in the CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil
import uvloop
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from cdr_exports.api.paths import CDR_EXPORTS
from cdr_exports.runtime.http_server import serving
from tests.e2e.installation import ACCOUNT, DIRECTORY, FROM, TO, Installation

CONNECTIONS = 16
WARM_UP = 100
IN_PROCESS_CALLS = 5000
JSON_API = "application/vnd.api+json"
BODY = json.dumps(
    {
        "data": {
            "type": "cdr-exports",
            "attributes": {"filters": {"time_start_gteq": FROM, "time_start_lt": TO}},
            "relationships": {"account": {"data": {"type": "accounts", "id": ACCOUNT}}},
        }
    }
).encode()


class Target(NamedTuple):
    """A kind of request; `limits_ms` are those of p50 and p99, where there are any."""

    name: str
    request: bytes
    status: int
    limits_ms: tuple[float | None, float | None] = (None, None)


class Answer(NamedTuple):
    status: int
    body: bytes


class Client:
    """HTTP/1.1 over connections that are kept: as little as will do, for it shares the cores with the server.

    They take turns, so that none is idle for so long that the server closes it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def open(self) -> None:
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection(self._host, self._port))

    async def close(self) -> None:
        while not self._free.empty():
            self._free.get_nowait()[1].close()

    async def ask(self, request: bytes) -> Answer:
        reader, writer = connection = await self._free.get()
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            return Answer(int(head[9:12]), await reader.readexactly(length))
        finally:
            self._free.put_nowait(connection)


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[Client]:
    parts = urlsplit(url)
    client = Client(parts.hostname or "", parts.port or 80)
    await client.open()
    try:
        yield client
    finally:
        await client.close()


async def on_a_beat(client: Client, target: Target, requests: int, rate: float) -> list[float]:
    """Seconds from each beat to its answer."""
    began = time.perf_counter() + 0.1
    seconds: list[float] = []

    async def one(beat: float) -> None:
        await asyncio.sleep(beat - time.perf_counter())
        answer = await client.ask(target.request)
        seconds.append(time.perf_counter() - beat)
        assert answer.status == target.status, answer

    async with asyncio.TaskGroup() as group:
        for number in range(requests):
            group.create_task(one(began + number / rate))
    return seconds


def bare_app() -> FastAPI:
    """One route that reads a body and answers a document as large as that of one export."""
    router = APIRouter()
    content = b"x" * 1100

    async def answer(request: Request) -> Response:
        await request.body()
        return Response(content, status_code=201, media_type=JSON_API)

    router.add_api_route(CDR_EXPORTS, answer, methods=["POST"], response_model=None)
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    return app


async def in_process(app: ASGIApp) -> float:
    """CPU seconds of one POST, by calling the application."""
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": CDR_EXPORTS,
        "raw_path": CDR_EXPORTS.encode(), "query_string": b"", "server": ("bench", 80),
        "headers": [(b"host", b"bench"), (b"content-type", JSON_API.encode())],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(_: Any) -> None:
        return

    costs = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(IN_PROCESS_CALLS // 5):
            await app(dict(scope), receive, send)
        costs.append((time.process_time() - began) / (IN_PROCESS_CALLS // 5))
    return min(costs)


@contextmanager
def bare_server() -> Iterator[tuple[str, int]]:
    """The bare route, served by a process of its own: URL and process id."""
    command = [sys.executable, "-m", "tests.bench.api_latency", "--serve-bare"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}", server.pid
        finally:
            server.terminate()


async def serve_bare() -> None:
    async with serving(bare_app(), host="127.0.0.1", port=0) as port:
        print(port, flush=True)
        await asyncio.Event().wait()


def request_of(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}", f"Content-Type: {JSON_API}",
        f"Content-Length: {len(body)}",
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode() + body


def percentile(seconds: Sequence[float], share: int) -> float:
    return statistics.quantiles(seconds, n=100)[share - 1]


async def measured(client: Client, target: Target, requests: int, rate: float, pid: int) -> None:
    """Prints a line about requests to the server that is process `pid`."""
    await on_a_beat(client, target, WARM_UP, rate)
    before = cpu_seconds(pid)
    seconds = await on_a_beat(client, target, requests, rate)
    report(target, seconds, (cpu_seconds(pid) - before) / requests)


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def report(target: Target, seconds: list[float], cpu: float) -> None:
    figures = {"p50": percentile(seconds, 50), "p99": percentile(seconds, 99), "longest": max(seconds)}
    limits = dict(zip(figures, (*target.limits_ms, None), strict=True))
    texts = [
        f"{name} {value * 1000:7.2f} ms" + (f" (at most {limit:g})" if (limit := limits[name]) else "")
        for name, value in figures.items()
    ]
    print(f"  {target.name:<22} {'   '.join(texts)}   CPU {cpu * 1000:5.2f} ms", flush=True)


async def measure(url: str, pid: int, token: str, requests: int, rate: float) -> None:
    create = Target("POST to 201", request_of("POST", CDR_EXPORTS, token, BODY), 201, (15, 50))
    with bare_server() as (bare, bare_pid):
        async with client_of(bare) as client:
            await measured(client, Target("bare route over HTTP", create.request, 201), requests, rate, bare_pid)
    print(f"  {'bare route in process':<22} CPU {await in_process(bare_app()) * 1000:5.2f} ms", flush=True)
    async with client_of(url) as client:
        await measured(client, create, requests, rate, pid)
        made = json.loads((await client.ask(create.request)).body)["data"]["id"]
        path = f"{CDR_EXPORTS}/{made}"
        while (await client.ask(request_of("GET", path, token))).status != 200:
            await asyncio.sleep(0.1)
        one = Target("GET one", request_of("GET", path, token), 200, (None, 20))
        listed = Target("list of 50", request_of("GET", CDR_EXPORTS, token), 200, (None, 30))
        for target in one, listed:
            await measured(client, target, requests, rate, pid)


def run(requests: int, rate: float, *, with_processor: bool, settings: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="cdr-exports-bench-") as folder:
        made = Installation(Path(folder) / "local", {"PENDING_LIMIT": "1000000", **settings})
        made.run("local", "up", "--detach", "--directory", str(DIRECTORY))
        try:
            if not with_processor:
                made.run("local", "stop", "processor-1")
            token = made.run("token", "--access", "15", "--lifetime", "86400").strip()
            time.sleep(2)  # what starting has left to do
            print(f"\n{requests} requests of each kind, {rate:g} a second; load average {load()} before", flush=True)
            status = made.status()
            pid = next(each["pid"] for each in status["processes"] if each["name"] == "facade")
            asyncio.run(measure(status["facade"], pid, token, requests, rate))
            print(f"  load average {load()} after, on {os.cpu_count()} cores")
        finally:
            made.run("local", "down", "--purge")


def load() -> str:
    return " ".join(f"{each:.2f}" for each in os.getloadavg())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--with-processor", action="store_true", help="leave the processor running")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting")
    parser.add_argument("--serve-bare", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve_bare:
        uvloop.run(serve_bare())
    else:
        wanted = dict(each.split("=", 1) for each in chosen.set)
        run(chosen.requests, chosen.rate, with_processor=chosen.with_processor, settings=wanted)
