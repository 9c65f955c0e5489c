"""Keeping a process running, and leaving nothing behind; with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from cdr_exports.local import keeper as keeping
from cdr_exports.local.keeper import Keeper, State, end_leftovers
from cdr_exports.local.ports import Ports
from cdr_exports.local.server import Unavailable
from tests.integration.local.toy import REPOSITORY, Toy

PATIENCE_SECONDS = 20
FIRST_PORT = 25_000


@pytest.fixture
def port() -> Iterator[int]:
    with Ports() as ports:
        yield ports.take({"http": FIRST_PORT})["http"]


def kept(home: Path, port: int, *words: str) -> Keeper:
    return Keeper(Toy("toy", home, {"http": port}, *words), home / "log", lambda: None)


@asynccontextmanager
async def running(keeper: Keeper) -> AsyncIterator[Keeper]:
    """The keeper at work; it has stopped its process afterwards."""
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


def is_alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_process_is_started_and_stopped(tmp_path: Path, port: int) -> None:
    async with running(kept(tmp_path, port)) as keeper:
        await keeper.start()
        report = keeper.report()

        await keeper.stop()

    assert (report.state, report.restarts, report.port) == (State.RUNNING, 0, port)
    assert report.memory_bytes > 1_000_000
    assert keeper.report().state is State.STOPPED
    assert not is_alive(report.pid)


async def test_a_stopped_process_stays_down_until_it_is_started(tmp_path: Path, port: int) -> None:
    async with running(kept(tmp_path, port)) as keeper:
        await keeper.start()
        await keeper.stop()
        with pytest.raises(Unavailable, match="stopped"):
            await keeper.until_running()

        await keeper.start()

        assert keeper.report().state is State.RUNNING
        assert keeper.restarts == 0


async def test_a_process_that_dies_is_started_again(tmp_path: Path, port: int) -> None:
    async with running(kept(tmp_path, port)) as keeper:
        await keeper.start()
        first = keeper.report().pid
        assert first is not None

        os.kill(first, signal.SIGKILL)

        await until(lambda: keeper.restarts == 1 and keeper.state is State.RUNNING)
        assert keeper.report().pid != first


async def test_after_a_kill_only_the_next_life_counts_as_running(tmp_path: Path, port: int) -> None:
    async with running(kept(tmp_path, port)) as keeper:
        await keeper.start()
        first = keeper.report().pid

        await keeper.kill()
        assert not is_alive(first)
        await keeper.start()

        assert keeper.report().state is State.RUNNING
        assert keeper.report().pid != first


async def test_a_process_that_ignores_its_stop_signal_is_killed(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "STOP_SECONDS", 0.5)
    async with running(kept(tmp_path, port, "stubborn")) as keeper:
        await keeper.start()
        pid = keeper.report().pid

        await keeper.stop()

    assert not is_alive(pid)


async def test_a_process_that_never_lives_is_given_up_with_the_end_of_its_log(tmp_path: Path, port: int) -> None:
    async with running(kept(tmp_path, port, "stillborn")) as keeper:
        with pytest.raises(Unavailable, match=r"toy died \(exit code 1\).*ends: no spring in me"):
            await keeper.start()

        assert keeper.restarts == keeping.DEATHS_AT_MOST - 1


async def test_a_process_that_is_configured_wrongly_is_given_up_at_once(tmp_path: Path, port: int) -> None:
    async with running(kept(tmp_path, port, "wrong")) as keeper:
        with pytest.raises(Unavailable, match=r"toy died \(exit code 2\)"):
            await keeper.start()

        assert keeper.restarts == 0


async def test_a_process_that_cannot_be_prepared_says_why_at_once(tmp_path: Path, port: int) -> None:
    async with running(kept(tmp_path, port, "spoilt")) as keeper:
        with pytest.raises(Unavailable, match="toy: cannot have toys; buy some"):
            await keeper.start()


async def test_a_process_that_does_not_do_its_work_is_shown_and_left_alone(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PROBE_PAUSE_SECONDS", {True: 0.1, False: 0.1})
    async with running(kept(tmp_path, port)) as keeper:
        await keeper.start()
        pid = keeper.report().pid

        (tmp_path / "sick").touch()
        await until(lambda: keeper.state is State.NOT_ANSWERING)
        (tmp_path / "sick").unlink()
        await until(lambda: keeper.state is State.RUNNING)

        assert (keeper.report().pid, keeper.restarts) == (pid, 0)


@contextmanager
def stray(home: Path, port: int, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that nobody keeps."""
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.integration.local.toy", str(port), *words]
    process = subprocess.Popen(command, cwd=home, env=os.environ | {"PYTHONPATH": str(REPOSITORY)})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_what_an_earlier_life_left_makes_room(tmp_path: Path, port: int) -> None:
    with stray(tmp_path, port, "stubborn") as left:
        async with running(kept(tmp_path, port)) as keeper:
            await keeper.start()

            assert left.poll() is not None
            assert keeper.report().pid != left.pid


async def test_the_processes_of_other_stacks_are_left_alone(tmp_path: Path, port: int) -> None:
    ours, theirs = tmp_path / "one" / "toy", tmp_path / "two" / "toy"
    ours.mkdir(parents=True)
    theirs.mkdir(parents=True)
    with stray(theirs, port) as other:
        await end_leftovers({ours: Path(sys.executable)})

        assert other.poll() is None


async def test_other_programs_in_the_folder_are_left_alone(tmp_path: Path, port: int) -> None:
    with stray(tmp_path, port) as other:
        await end_leftovers({tmp_path: Path("/usr/bin/another-program")})

        assert other.poll() is None
