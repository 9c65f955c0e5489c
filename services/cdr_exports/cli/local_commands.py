"""`cdr-exports local …`: the whole stack on this machine, in the foreground or behind, and faults tried on it.

What is to be done with the servers once they run (topics, tables, demo data) is the composition's: see `Hooks`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cdr_exports.cli.output import quiet_logs, remark, say, say_json
from cdr_exports.domain.errors import Misconfigured

if TYPE_CHECKING:
    from cdr_exports.cli.local_screen import Screen
    from cdr_exports.local.addresses import Addresses
    from cdr_exports.local.folder import Folder

app = typer.Typer()

ANSWER_SECONDS = 10.0
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="kafka, postgres, clickhouse, facade, projection, processor-1.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the stack's commands leave to the composition. Either may raise what the project's errors allow."""

    prepare: Callable[[Addresses], Awaitable[None]]
    """The servers run, the services do not yet. Called again after a Transient."""
    load: Callable[[Addresses, Path | None, int], Awaitable[None]]
    """The services run: apply a directory file, make so many CDRs."""


@app.command(epilog="Example: cdr-exports local up --detach --directory directory.yaml --cdrs 1000000")
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return when everything is ready; run on behind.")] = False,
    port: Annotated[int | None, typer.Option(help="Of the customer API.  [default: as last time, or 8080]")] = None,
    directory: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, resolve_path=True, help="Directory file to apply.")
    ] = None,
    cdrs: Annotated[int, typer.Option(min=0, help="How many demo CDRs to make.")] = 0,
    processors: Annotated[int, typer.Option(min=1, hidden=True, envvar="CDR_EXPORTS_LOCAL_PROCESSORS")] = 1,
    faults: Annotated[bool, typer.Option(hidden=True, envvar="CDR_EXPORTS_LOCAL_FAULTS")] = False,
) -> None:
    """Start everything. Ends with Ctrl-C, or, when detached, with `local down`."""
    from cdr_exports.cli import directory_file
    from cdr_exports.cli.local_background import run_behind
    from cdr_exports.cli.local_screen import Screen, where_everything_is

    folder = _folder()
    if directory is not None:
        directory_file.read(directory)  # a fault in it is told before anything is started
    if detach:
        options = {"--port": port, "--directory": directory, "--cdrs": cdrs, "--processors": processors}
        arguments = [text for name, value in options.items() if value is not None for text in (name, str(value))]
        status = run_behind(folder, [*arguments, "--faults" if faults else "--no-faults"])
        say(where_everything_is(status))
        return
    quiet_logs()
    with Screen() as screen:
        asyncio.run(_supervise(folder, screen, port, directory, cdrs, processors, faults=faults))


@app.command(epilog="Example: cdr-exports local status --json")
def status(as_json: Annotated[bool, typer.Option("--json", help="Print it for scripts.")] = False) -> None:
    """Show the processes and where everything is. Exit code 1 unless all of it is ready."""
    from cdr_exports.cli.local_screen import say_processes, where_everything_is

    answer = _ask(_folder(), "status")
    if as_json:
        say_json(answer["status"])
    else:
        say_processes(answer["processes"])
        say(where_everything_is(answer["status"]))
    if not answer["status"]["ready"]:
        raise typer.Exit(1)


@app.command(epilog="Example: cdr-exports local stop kafka")
def stop(name: Name) -> None:
    """Stop one process with its stop signal; it stays down until it is started."""
    _order("stop", name)


@app.command(epilog="Example: cdr-exports local start kafka")
def start(name: Name) -> None:
    """Start one process and wait until it does its work."""
    _order("start", name)


@app.command(epilog="Example: cdr-exports local kill processor-1")
def kill(name: Name) -> None:
    """Kill one process with SIGKILL; it is started again after a second."""
    _order("kill", name)


@app.command(epilog="Example: cdr-exports local logs processor-1 -f")
def logs(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One process; all of them by default.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
) -> None:
    """Print what the processes have said."""
    from cdr_exports.cli.local_logs import lines_of

    folder = _folder()
    found = {file.parent.name: file for file in sorted(folder.path.glob("*/log"))}
    if (supervisor := folder.log("supervisor")).exists():
        found["supervisor"] = supervisor
    if name is not None and name not in found:
        raise Misconfigured([f"no process called {name} has a log; there are {', '.join(found) or 'none'}"])
    chosen = found if name is None else {name: found[name]}
    try:
        for line in lines_of(chosen, follow=follow):
            say(line)
    except KeyboardInterrupt:
        raise typer.Exit from None


@app.command(epilog="Example: cdr-exports local down --purge")
def down(purge: Annotated[bool, typer.Option("--purge", help="Delete the data, too.")] = False) -> None:
    """Stop everything and return when it has ended."""
    from cdr_exports.local.control import NotRunning
    from cdr_exports.local.keeper import end_leftovers
    from cdr_exports.local.members import programs_by_home

    folder = _folder()
    if not folder.is_ours():
        remark(f"there is no stack in {folder.path}")
        return
    try:
        _ask(folder, "down")
    except NotRunning:
        remark(f"no stack runs in {folder.path}")
    with folder.locked(wait=True):
        asyncio.run(end_leftovers(programs_by_home(folder)))  # where a supervisor was killed a moment ago
        if purge:
            folder.purge()


async def _supervise(
    folder: Folder,
    screen: Screen,
    port: int | None,
    directory: Path | None,
    cdrs: int,
    processors: int,
    *,
    faults: bool,
) -> None:
    from cdr_exports.cli.composition import hooks
    from cdr_exports.local.members import Wishes, service_names
    from cdr_exports.local.supervisor import supervise

    chosen: Hooks = hooks()

    async def load(addresses: Addresses) -> None:
        with screen.aside():
            await chosen.load(addresses, directory, cdrs)

    await supervise(
        folder,
        Wishes(services=service_names(processors), facade_port=port, faults_allowed=faults),
        prepare=chosen.prepare,
        load=load,
        changed=lambda supervisor: screen.show(supervisor.report),
    )


def _order(verb: str, name: str) -> None:
    folder = _folder()
    names = [process["name"] for process in _ask(folder, "status")["processes"]]
    if name not in names:
        raise Misconfigured([f"no process is called {name}; there are {', '.join(names)}"])
    _ask(folder, verb, name, timeout_seconds=None)


def _ask(folder: Folder, *request: str, timeout_seconds: float | None = ANSWER_SECONDS) -> dict[str, Any]:
    from cdr_exports.local.control import ask

    return ask(folder, *request, timeout_seconds=timeout_seconds)


def _folder() -> Folder:
    from cdr_exports.local.folder import Folder
    from cdr_exports.runtime.settings import LocalSettings, load

    return Folder(load(LocalSettings).local_dir)
