"""Health, metrics, and how a process ends."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from urllib.error import HTTPError

import pytest

from cdr_exports.domain.errors import Misconfigured
from cdr_exports.runtime.metrics import METRICS, Registry, exposition
from cdr_exports.runtime.process import Health, operations, until_stopped
from cdr_exports.runtime.settings import ProcessSettings

ANY_PORT = ProcessSettings(metrics_port=0)


async def get(port: int, path: str) -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


async def test_readiness_follows_its_conditions_and_liveness_does_not() -> None:
    health, there = Health(), asyncio.Event()
    health.ready_when("directory", there.is_set)
    health.dead_unless("loop", lambda: True)

    async with operations(ANY_PORT, health, Registry(service="test")) as port:
        before = await get(port, "/readyz")
        there.set()
        after = await get(port, "/readyz")
        alive = await get(port, "/livez")

    assert (before[0], json.loads(before[1])) == (503, {"directory": False})
    assert (after[0], json.loads(after[1])) == (200, {"directory": True})
    assert alive[0] == 200


async def test_a_process_that_is_still_being_put_together_is_alive_but_not_ready() -> None:
    async with operations(ANY_PORT, Health(), Registry(service="test")) as port:
        assert (await get(port, "/readyz"))[0] == 503
        assert (await get(port, "/livez"))[0] == 200


async def test_every_closed_label_set_is_there_at_zero_from_the_start() -> None:
    async with operations(ANY_PORT, Health(), Registry(service="test")) as port:
        _, text = await get(port, "/metrics")

    for outcome in "completed", "failed", "deleted":
        for fault in "none", "customer", "service":
            assert f'cdr_export_terminal_total{{fault="{fault}",outcome="{outcome}"}} 0.0' in text
    assert 'cdr_export_build_info{service="test"' in text


def test_every_metric_has_a_meaning_and_appears() -> None:
    registry = Registry(service="test")

    text = exposition(registry, "")[0].decode()

    for metric in METRICS:
        assert metric.meaning
        assert f"cdr_export_{metric.name}" in text


async def test_a_taken_port_is_said_to_be_misconfigured() -> None:
    async with operations(ANY_PORT, Health(), Registry(service="one")) as port:
        taken = ProcessSettings(metrics_port=port)

        with pytest.raises(Misconfigured, match=str(port)):
            async with operations(taken, Health(), Registry(service="two")):
                pass


async def test_work_is_cancelled_when_the_process_is_to_stop() -> None:
    stop, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    running = asyncio.create_task(until_stopped(stop, work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    stop.set()
    await running

    assert cancelled.is_set()


async def test_work_that_ends_by_itself_or_fails_ends_the_process() -> None:
    async def ends() -> None:
        return

    async def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(RuntimeError, match="never end"):
        await until_stopped(asyncio.Event(), ends())
    with pytest.raises(ValueError, match="broken"):
        await until_stopped(asyncio.Event(), fails())
