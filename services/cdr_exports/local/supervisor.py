"""The supervisor of one local stack: what is started when, and how all of it ends.

Servers first, all at once; then `prepare` (topics, tables); then the services, all at once; then `load` (demo data).
From then on the stack is ready as long as every process runs. Whatever ends the supervisor ends the processes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

from cdr_exports.domain.errors import Transient
from cdr_exports.local.addresses import Addresses
from cdr_exports.local.control import Request, listening
from cdr_exports.local.folder import Folder
from cdr_exports.local.keeper import Keeper, State, end_leftovers
from cdr_exports.local.members import Members, Wishes, programs_by_home
from cdr_exports.local.ports import Ports
from cdr_exports.local.server import Server, Unavailable

Step = Callable[[Addresses], Awaitable[None]]
PREPARE_SECONDS = 60
PREPARE_PAUSE_SECONDS = 0.5


async def supervise(
    folder: Folder, wishes: Wishes, *, prepare: Step, load: Step, changed: Callable[[Supervisor], None]
) -> None:
    """Runs a stack until a signal or `down`; then all of it has ended.

    `prepare` is called again after a Transient, `load` is not. `changed` is called after each change of any process.
    Raises Unavailable if the stack cannot be had, alone or in a group; and whatever the two steps raise.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that a probe fails is for the table to say
    folder.make()
    with folder.locked(), Ports() as ports:
        await end_leftovers(programs_by_home(folder))  # before ports are chosen: they may hold theirs still
        supervisor = Supervisor(folder, Members(folder, wishes, ports), prepare, load, changed)
        try:
            async with listening(folder, supervisor.obey), asyncio.TaskGroup() as group:
                await supervisor.live(group)
        finally:
            folder.status.unlink(missing_ok=True)


class Supervisor:
    """One run of a stack."""

    def __init__(
        self,
        folder: Folder,
        members: Members,
        prepare: Step,
        load: Step,
        changed: Callable[[Supervisor], None],
    ) -> None:
        self.addresses = members.addresses
        self.stage = "starting"
        self._folder = folder
        self._prepare, self._load = prepare, load
        self._tell = changed
        self._over = asyncio.Event()
        self._is_loaded = False
        self._servers = [self._keeper(server) for server in members.servers()]
        self._services = [self._keeper(server) for server in members.services()]

    async def live(self, group: asyncio.TaskGroup) -> None:
        """Starts everything and returns when it was asked to end and everything has ended."""
        self._catch_signals()
        tasks: list[asyncio.Task[None]] = []
        rising = group.create_task(self._rise(group, tasks))
        await self._over.wait()
        self._enter("stopping")
        rising.cancel()
        for keepers in self._services, self._servers:  # a service may need its servers to end well
            await asyncio.gather(*(keeper.stop() for keeper in keepers))
        for task in tasks:
            task.cancel()

    def report(self) -> dict[str, Any]:
        """`status` is the document of `local status --json`; the rest is for tables."""
        processes = [asdict(keeper.report()) for keeper in self._keepers]
        is_ready = self._is_loaded and all(each["state"] is State.RUNNING for each in processes)
        shown = [{name: each[name] for name in ("name", "pid", "state", "restarts")} for each in processes]
        status = {"ready": is_ready, **self.addresses.document(), "processes": shown}
        return {"status": status, "stage": self.stage, "processes": processes}

    async def obey(self, request: Request) -> dict[str, Any]:
        """What `control.ask` may ask for. Raises Unavailable."""
        match request:
            case ["status"]:
                return self.report()
            case ["down"]:
                self._over.set()
            case ["stop" | "start" | "kill" as verb, str(name)]:
                keeper = next((each for each in self._keepers if each.server.name == name), None)
                if keeper is None:
                    names = ", ".join(each.server.name for each in self._keepers)
                    raise Unavailable(f"no process is called {name}; there are {names}")
                await {"stop": keeper.stop, "start": keeper.start, "kill": keeper.kill}[verb]()
            case _:
                raise Unavailable(f"unknown request: {request}")
        return {}

    @property
    def _keepers(self) -> list[Keeper]:
        return [*self._servers, *self._services]

    def _keeper(self, server: Server) -> Keeper:
        return Keeper(server, self._folder.log(server.name), self._changed)

    async def _rise(self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]]) -> None:
        self._enter("starting the servers")
        await self._start(self._servers, group, tasks)
        self._enter("preparing topics and tables")
        await self._prepared()
        self._enter("starting the services")
        await self._start(self._services, group, tasks)
        self._enter("loading")
        await self._load(self.addresses)
        self._is_loaded = True
        self._enter("ready")

    async def _start(
        self, keepers: Sequence[Keeper], group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]]
    ) -> None:
        tasks += [group.create_task(keeper.run()) for keeper in keepers]
        async with asyncio.TaskGroup() as starts:
            for keeper in keepers:
                starts.create_task(keeper.start())

    async def _prepared(self) -> None:
        """A server that has just started may need a moment more for this or that."""
        last: Transient | None = None
        try:
            async with asyncio.timeout(PREPARE_SECONDS):
                while True:
                    try:
                        return await self._prepare(self.addresses)
                    except Transient as error:
                        last = error
                    await asyncio.sleep(PREPARE_PAUSE_SECONDS)
        except TimeoutError as error:
            raise Unavailable(f"topics and tables could not be prepared: {last}") from (last or error)

    def _enter(self, stage: str) -> None:
        self.stage = stage
        self._changed()

    def _changed(self) -> None:
        self._folder.write(self._folder.status, json.dumps(self.report()["status"], indent=1))
        self._tell(self)

    def _catch_signals(self) -> None:
        """The first one ends the stack in order, the second one at once."""

        def caught() -> None:
            if self._over.is_set():
                for keeper in self._keepers:
                    keeper.kill_now()
            self._over.set()

        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            asyncio.get_running_loop().add_signal_handler(number, caught)
