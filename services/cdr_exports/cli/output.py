"""How the commands speak: tables and bars for a person at a terminal, plain text and JSON for everything else.

Answers go to stdout, all the rest (bars, errors) to stderr, so that a script reads answers only. rich is imported when
something is drawn, not before.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import typer

from cdr_exports.domain.errors import CdrExportsError

PLAIN_EVERY_SECONDS = 10.0
"""Without a terminal a bar is a line on stderr this often, so that a log of a long command shows that it lives."""

Unit = Literal["rows", "bytes", "records"]


class Failed(CdrExportsError):
    """The command ran and the answer is no: exit code 1 with this sentence."""


def say(text: str) -> None:
    """One answer, or one line of it."""
    typer.echo(text)


def remark(text: str) -> None:
    """Something a person may want to know and a script must not read."""
    typer.echo(text, err=True)


def say_json(value: Any, *, one_line: bool = False) -> None:
    """`value` as JSON; what JSON has no word for (instants, UUIDs, decimals) as its text."""
    typer.echo(json.dumps(value, default=str, ensure_ascii=False, indent=None if one_line else 2))


def say_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table at a terminal; else lines of values with tabs between them, headings first."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in [list(headings), *texts]:
            typer.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold", box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for line in texts:
        table.add_row(*map(Text, line))  # Text: a name in brackets is no markup
    Console().print(table)


def human_bytes(count: float) -> str:
    """`count` with a decimal unit: 1234567 is "1.2 MB"."""
    for unit in "B", "kB", "MB", "GB":
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def quiet_logs() -> None:
    """Logs are for services: a command says itself what failed. Ours remain where they tell of an error."""
    from cdr_exports.runtime import logs

    logs.configure(level="CRITICAL", form="console", service="cli")
    logging.getLogger("cdr_exports").setLevel(logging.ERROR)


class Bar(Protocol):
    """Progress of one thing. Figures are absolute."""

    def at(self, done: float, *, total: float | None = None, note: str = "") -> None: ...


@contextmanager
def bar(title: str, *, total: float | None = None, unit: Unit = "rows") -> Iterator[Bar]:
    """A progress bar on stderr for the time of the context; `total` may become known later."""
    if not sys.stderr.isatty():
        yield _PlainBar(title, total, unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _RichBar(progress, progress.add_task(title, total=total, note=""), unit)


class _RichBar:
    def __init__(self, progress: Any, task: Any, unit: Unit) -> None:
        self._progress, self._task, self._unit = progress, task, unit

    def at(self, done: float, *, total: float | None = None, note: str = "") -> None:
        changes: dict[str, Any] = {} if total is None else {"total": total}
        self._progress.update(self._task, completed=done, note=note or figure(done, self._unit), **changes)


class _PlainBar:
    def __init__(self, title: str, total: float | None, unit: Unit) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._said = time.monotonic()

    def at(self, done: float, *, total: float | None = None, note: str = "") -> None:
        self._total = total or self._total
        if time.monotonic() - self._said < PLAIN_EVERY_SECONDS:
            return
        self._said = time.monotonic()
        percent = f" {done / self._total:.0%}" if self._total else ""
        remark(f"{self._title}:{percent} {note or figure(done, self._unit)}")


def figure(count: float, unit: Unit) -> str:
    return human_bytes(count) if unit == "bytes" else f"{count:,.0f} {unit}"
