"""How a stack looks: a live table for a person, a line a change for everything else, and where everything is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cdr_exports.cli.output import human_bytes, remark, say, say_table

REFRESHES_A_SECOND = 4
_COLOURS = {"running": "green", "stopped": "dim", "died": "red", "not answering": "red"}
Report = Callable[[], dict[str, Any]]
"""See Supervisor.report."""


class Screen:
    """Shows the stack for the time of the context: a live table on stderr if that is a terminal, else a line a change.

    `stays` = until the stack's end: then the lines are the command's answer, on stdout, and so are the addresses.
    """

    def __init__(self, *, stays: bool = True) -> None:
        self._stays = stays
        self._say = say if stays else remark
        self._report: Report | None = None
        self._told: dict[str, str] = {}
        self._spinner = Spinner("dots")
        self._live: Live | None = None
        self._is_announced = False

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            console = Console(stderr=True)
            self._live = Live(get_renderable=self._picture, refresh_per_second=REFRESHES_A_SECOND, console=console)
            self._live.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        if self._live is not None:
            self._live.__exit__(*details)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The table stands still while another bar has the terminal."""
        if self._live is not None:
            self._live.stop()
        yield
        if self._live is not None:
            self._live.start()

    def show(self, report: Report) -> None:
        """Something has changed; `report` tells how things stand, now and later."""
        self._report = report
        if self._live is None:
            self._tell(report())

    def _tell(self, report: dict[str, Any]) -> None:
        for process in report["processes"]:
            state = f"{process['state']} {process['detail']}".strip()
            if self._told.get(process["name"]) != process["state"]:
                self._told[process["name"]] = process["state"]
                self._say(f"{process['name']}: {state}")
        if self._stays and report["status"]["ready"] and not self._is_announced:
            self._is_announced = True
            self._say(where_everything_is(report["status"]))

    def _picture(self) -> RenderableType:
        if self._report is None:
            return Text("")
        report = self._report()
        table = Table("process", "state", "", "port", "pid", "memory", "restarts", box=None, header_style="bold")
        for process in report["processes"]:
            table.add_row(*_row(process))
        if self._stays and report["status"]["ready"]:
            return Group(table, Text(), Text(where_everything_is(report["status"])), Text("Ctrl-C ends it", "dim"))
        self._spinner.update(text=Text(report["stage"]))
        return Group(table, self._spinner)


def where_everything_is(status: dict[str, Any]) -> str:
    """The addresses a person wants, one a line."""
    told = {name: status[name] for name in ("api", "kafka", "store", "jwt_secret_file") if name in status}
    metrics = {f"metrics of {name}": url for name, url in status["metrics"].items()}
    return "\n".join(f"{name:<23}{value}" for name, value in (told | metrics).items())


def say_processes(processes: list[dict[str, Any]]) -> None:
    headings = ("process", "state", "detail", "port", "pid", "memory", "restarts")
    say_table(headings, [[str(cell) for cell in _row(process)] for process in processes])


def _row(process: dict[str, Any]) -> list[Text]:
    pid, memory = process["pid"], process["memory_bytes"]
    return [
        Text(process["name"]),
        Text(process["state"], _COLOURS.get(process["state"], "yellow")),
        Text(process["detail"]),
        Text(str(process["port"])),
        Text(str(pid) if pid else ""),
        Text(human_bytes(memory) if memory else ""),
        Text(str(process["restarts"])),
    ]
