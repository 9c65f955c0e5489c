"""How one of our processes lives: signals, health, metrics, and an end that is either asked for or a crash.

`/livez` says that the event loop turns and that nothing that must live has died; it asks no dependency, so that a
broker outage restarts nothing. `/readyz` says whether each named condition holds now. `/metrics` is Prometheus'.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdr_exports.runtime import metrics
from cdr_exports.runtime.http_server import serving
from cdr_exports.runtime.settings import ProcessSettings

Condition = Callable[[], bool]


class Health:
    """Conditions by name: a process is ready when all hold, and alive while none of the vital ones fails.

    A process that has named no condition of readiness is still being put together: not ready.
    """

    def __init__(self) -> None:
        self._ready: dict[str, Condition] = {}
        self._vital: dict[str, Condition] = {}

    def ready_when(self, name: str, holds: Condition) -> None:
        self._ready[name] = holds

    def dead_unless(self, name: str, holds: Condition) -> None:
        self._vital[name] = holds

    def readiness(self) -> dict[str, bool]:
        return {name: holds() for name, holds in self._ready.items()}

    def liveness(self) -> dict[str, bool]:
        return {name: holds() for name, holds in self._vital.items()}


def operations_app(health: Health, registry: metrics.Registry) -> Starlette:
    """The three pages for machines."""

    def answer(conditions: dict[str, bool], *, or_none: bool) -> Response:
        status = 200 if all(conditions.values()) and (conditions or or_none) else 503
        return Response(json.dumps(conditions) + "\n", status_code=status, media_type="application/json")

    async def livez(_: Request) -> Response:
        return answer(health.liveness(), or_none=True)

    async def readyz(_: Request) -> Response:
        return answer(health.readiness(), or_none=False)

    async def exposition(request: Request) -> Response:
        body, media_type = metrics.exposition(registry, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": media_type})

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", exposition)])


@asynccontextmanager
async def operations(settings: ProcessSettings, health: Health, registry: metrics.Registry) -> AsyncIterator[int]:
    """Serves the three pages for the time of the context; gives the port."""
    app = operations_app(health, registry)
    async with serving(app, host=settings.metrics_host, port=settings.metrics_port) as port:
        yield port


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in signal.SIGTERM, signal.SIGINT:
        loop.add_signal_handler(number, stop.set)
    return stop


async def until_stopped(stop: asyncio.Event, *work: Awaitable[Any]) -> None:
    """Runs `work` until `stop` is set; what still runs then is cancelled. A piece of work that ends by itself, or
    raises, ends the process: its exception is raised here, and with nothing acknowledged nothing is lost.
    """
    tasks = [asyncio.ensure_future(each) for each in work]
    waiting = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task is not waiting:
                task.result()
                if not stop.is_set():
                    raise RuntimeError("work that should never end has ended")
    finally:
        for task in (waiting, *tasks):
            task.cancel()
        await asyncio.gather(waiting, *tasks, return_exceptions=True)


@asynccontextmanager
async def background(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Runs `work` beside the context's body; a piece that fails ends the body, the body's end ends all of them."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_awaited(each)) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def set_before(wanted: asyncio.Event, stop: asyncio.Event) -> bool:
    """Waits for either event; whether it was `wanted`."""
    waits = [asyncio.create_task(each.wait()) for each in (wanted, stop)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
    return wanted.is_set() and not stop.is_set()


async def _awaited(work: Awaitable[None]) -> None:
    await work
