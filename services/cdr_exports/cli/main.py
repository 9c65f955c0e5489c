"""The command line `cdr-exports`: which commands there are, and what an error is worth.

Exit code 0; 1 with one line when the command failed; 2 with every fault when it was called or configured wrongly.
Expected errors never show a traceback; anything else is a bug and does. Every module of a command imports what it
needs when the command runs, so that `--help` costs nothing.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperGroup

from cdr_exports import __version__
from cdr_exports.cli.output import remark, say
from cdr_exports.domain.errors import CdrExportsError, Misconfigured

FAILED, MISUSED = 1, 2

COMMANDS = (
    ("run", "run", "One service in the foreground."),
    ("local_commands", "local", "The whole local stack: Kafka, PostgreSQL, ClickHouse, and the services."),
    ("demo", None, ""),
    ("export_commands", "export", "A customer's client: create, watch and download exports over HTTP."),
    ("verify", None, ""),
    ("directory_commands", "directory", "Accounts and API accesses."),
    ("token_commands", None, ""),
    ("cdrs_commands", "cdrs", "Demo CDRs in ClickHouse."),
    ("topics_commands", "topics", "Kafka topics as deploy/kafka/topics.yaml says."),
    ("schemas_commands", "schemas", "Avro schemas of the records."),
    ("db_commands", "db", "PostgreSQL of the read model."),
    ("projection_commands", "projection", "The read model."),
    ("events_commands", "events", "Records of the topics."),
    ("doctor", None, ""),
)
"""Module under `cli` (its `app` holds the commands), the name of its group or None, and what `--help` says of it."""


class Commands(TyperGroup):
    """Turns the project's errors into exit codes, whichever command raised them."""

    def invoke(self, ctx: Any) -> Any:
        with errors_as_exit_codes():
            return super().invoke(ctx)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Says an expected error on stderr and raises typer.Exit with its code."""
    try:
        yield
    except ExceptionGroup as group:
        raise typer.Exit(max(_told(each) for each in _leaves(group))) from None
    except (CdrExportsError, OSError) as error:
        raise typer.Exit(_told(error)) from None


def _told(error: Exception) -> int:
    match error:
        case Misconfigured():
            for fault in error.faults:
                remark(fault)
            return MISUSED
        case CdrExportsError():
            remark(" ".join(str(error).split()))
            return FAILED
        case OSError() if error.filename is not None and error.errno != errno.EPIPE:
            remark(f"{error.filename}: {error.strerror}")
            return FAILED
        case _:
            raise error


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for each in group.exceptions:
        if isinstance(each, ExceptionGroup):
            yield from _leaves(each)
        else:
            yield each


def _version(asked: bool) -> None:
    if asked:
        say(f"cdr-exports {__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        cls=Commands,
        name="cdr-exports",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if sys.stdout.isatty() and sys.stderr.isatty() else None,
        epilog="Example: cdr-exports local up --detach && cdr-exports export list",
    )

    @app.callback(help="Exports call detail records: requests in, verified files out of ClickHouse.")
    def _options(
        _: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    ) -> None:
        """Options that stand before the command."""

    for module, group, meaning in COMMANDS:
        name = f"cdr_exports.cli.{module}"
        if find_spec(name) is None:
            continue
        commands = import_module(name).app
        if group is None:
            app.add_typer(commands)
        else:
            app.add_typer(commands, name=group, help=meaning, no_args_is_help=True)
    return app


def main() -> None:
    build()()
