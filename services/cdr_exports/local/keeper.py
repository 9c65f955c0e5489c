"""Keeps one process running: starts it, probes it, starts it again when it dies, stops it, and leaves nothing behind.

There are no pid files. What an earlier life left is found in the process table, which is right where a pid file may not
be: the same program, working in the process's own folder. Stacks in other folders are therefore never touched.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import psutil

from cdr_exports.domain.errors import Transient
from cdr_exports.local.server import Server, Unavailable, before_exec

RESTART_SECONDS = 1
STOP_SECONDS = 15
"""Then SIGKILL. A service may take ten for what it is doing."""
LEFTOVER_SECONDS = 3
START_SECONDS = 60
DEATHS_AT_MOST = 3
"""A process that dies this often without having run will not run."""
PROBE_SECONDS = 5
PROBE_PAUSE_SECONDS = {True: 3.0, False: 0.1}
"""By whether the last probe went well."""
LOG_BYTES = 16 << 20


class State(StrEnum):
    STOPPED = "stopped"
    PREPARING = "preparing"
    STARTING = "starting"
    RUNNING = "running"
    NOT_ANSWERING = "not answering"
    STOPPING = "stopping"
    DIED = "died"
    """The next start is a second away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessReport:
    """One process as people see it. `restarts` counts starts after a death."""

    name: str
    state: State
    detail: str
    pid: int | None
    restarts: int
    port: int
    memory_bytes: int
    log: str


class Keeper:
    """Keeps one process running while it is wanted. `changed` is called after each change of state."""

    def __init__(self, server: Server, log: Path, changed: Callable[[], None]) -> None:
        self.server = server
        self.state = State.STOPPED
        self.detail = ""
        self.restarts = 0
        self._log = log
        self._changed = changed
        self._news = asyncio.Event()
        self._wanted = asyncio.Event()
        self._deaths_unborn = 0
        self._is_hopeless = False
        self._failure: Unavailable | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Until cancelled; the process is stopped then."""
        self._wanted.set()
        try:
            while await self._wanted.wait():
                await self._live()
                if self._wanted.is_set():
                    await asyncio.sleep(RESTART_SECONDS)
                    self.restarts += 1
        finally:
            await self.stop()

    async def until_running(self) -> None:
        """Returns when the process does its work. Raises Unavailable if it does not get there."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while self.state is not State.RUNNING:
                    self._raise_if_hopeless()
                    await self._news.wait()
        except TimeoutError as error:
            raise Unavailable(f"{self._describe()} after {START_SECONDS} s") from error

    async def start(self) -> None:
        """Wants the process and returns when it runs. Raises Unavailable."""
        self._deaths_unborn, self._is_hopeless, self._failure = 0, False, None
        if not self._wanted.is_set():
            self._become(State.PREPARING)
            self._wanted.set()
        await self.until_running()

    async def stop(self) -> None:
        """Returns when the process has ended, by its stop signal or else by SIGKILL."""
        self._wanted.clear()
        if process := self._alive():
            self._become(State.STOPPING)
            process.send_signal(self.server.stop_signal)
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self._become(State.STOPPED)

    async def kill(self) -> None:
        """SIGKILL; returns when the process is dead. If it is wanted it comes back."""
        if process := self._alive():
            process.kill()
            await process.wait()
            self._become(State.DIED, "killed")

    def kill_now(self) -> None:
        """SIGKILL without waiting, for an end that has taken too long."""
        if process := self._alive():
            process.kill()

    def report(self) -> ProcessReport:
        pid = process.pid if (process := self._alive()) else None
        return ProcessReport(
            name=self.server.name,
            state=self.state,
            detail=self.detail,
            pid=pid,
            restarts=self.restarts,
            port=next(iter(self.server.ports.values())),
            memory_bytes=_memory_bytes(pid),
            log=str(self._log),
        )

    def _alive(self) -> asyncio.subprocess.Process | None:
        return self._process if self._process is not None and self._process.returncode is None else None

    async def _live(self) -> None:
        """One life of the process, from its preparation to its end."""
        self._become(State.PREPARING)
        try:
            await self._prepare()
            if not self._wanted.is_set():
                return
            self._become(State.STARTING)
            started = time.monotonic()
            self._process = await self._spawn()
        except (Unavailable, OSError, subprocess.SubprocessError) as error:
            if self._wanted.is_set():
                self._failure = Unavailable(f"{self.server.name}: {error}")
                self._become(State.DIED, str(error))
            return
        if not self._wanted.is_set():  # it was stopped while the process was being made
            await self.stop()
        watch = asyncio.create_task(self._watch(started))
        try:
            code = await self._process.wait()
        finally:
            watch.cancel()
        if self._wanted.is_set():
            if self.state is State.STARTING:
                self._deaths_unborn += 1
                self._is_hopeless = code in self.server.hopeless_exit_codes
            self._become(State.DIED, f"exit code {code}")

    async def _prepare(self) -> None:
        self.server.home.mkdir(mode=0o700, exist_ok=True)
        await end_leftovers({self.server.home: self.server.program()})
        await asyncio.to_thread(self.server.prepare, self._say)

    async def _spawn(self) -> asyncio.subprocess.Process:
        with suppress(FileNotFoundError):
            if self._log.stat().st_size > LOG_BYTES:
                self._log.rename(self._log.with_suffix(".old"))
        descriptor = os.open(self._log, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *self.server.command(),
                cwd=self.server.home,
                env=dict(self.server.environment()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,  # Ctrl-C is for the supervisor alone
                preexec_fn=partial(before_exec, os.getpid(), self.server.death_signal, self.server.as_nobody),
            )
        finally:
            os.close(descriptor)

    async def _watch(self, started: float) -> None:
        while True:
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await self.server.probe()
            except (Transient, TimeoutError) as error:
                answers = False
                if self.state is State.RUNNING:
                    self._become(State.NOT_ANSWERING, str(error) or "no answer in time")
            else:
                answers = True
                if self.state in (State.STARTING, State.NOT_ANSWERING):
                    self._deaths_unborn = 0
                    self._become(State.RUNNING, f"in {time.monotonic() - started:.1f} s")
            await asyncio.sleep(PROBE_PAUSE_SECONDS[answers])

    def _raise_if_hopeless(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self.state is State.STOPPED:
            raise Unavailable(f"{self.server.name} is stopped")
        if self._is_hopeless or self._deaths_unborn >= DEATHS_AT_MOST:
            raise Unavailable(self._describe())

    def _describe(self) -> str:
        with suppress(FileNotFoundError):
            lines = self._log.read_bytes()[-4000:].decode(errors="replace").splitlines()
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            return f"{self.server.name} {self.state} ({self.detail}), see {self._log}, which ends: {last[:300]}"
        return f"{self.server.name} {self.state} ({self.detail})"

    def _say(self, detail: str) -> None:
        """Progress of the preparation, from its thread; raises, which ends it, when the process is not wanted any more."""
        if not self._wanted.is_set():
            raise Unavailable("stopped meanwhile")
        self.detail = detail

    def _become(self, state: State, detail: str = "") -> None:
        if state is not self.state:
            self.state, self.detail = state, detail
            self._news.set()
            self._news = asyncio.Event()
            self._changed()


async def end_leftovers(homes: Mapping[Path, Path]) -> None:
    """Ends what earlier lives left; `homes` gives the program of each process's folder.

    Also the other processes of a PostgreSQL whose first one was killed: while one of them is busy, PostgreSQL refuses
    to start again.
    """
    for number in signal.SIGTERM, signal.SIGKILL:
        left = [process for process in psutil.process_iter(["exe", "cwd"]) if _works_in(process, homes)]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        await asyncio.to_thread(psutil.wait_procs, left, LEFTOVER_SECONDS)


def _works_in(process: psutil.Process, homes: Mapping[Path, Path]) -> bool:
    name, folder = Path(process.info["exe"] or "").name, Path(process.info["cwd"] or "/")
    return any(name == program.resolve().name and folder.is_relative_to(home) for home, program in homes.items())


def _memory_bytes(pid: int | None) -> int:
    if pid is None:
        return 0
    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0
