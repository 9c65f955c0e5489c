"""`cdr-exports events tail`: what crosses the topics, decoded, one JSON object a line.

A record that cannot be decoded is a line too, with the reason. The directory's topics are not shown: `directory list`.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import typer

from cdr_exports.cli.output import quiet_logs, say_json
from cdr_exports.cli.surroundings import settings

if TYPE_CHECKING:
    from cdr_exports.contract.codec import Codec
    from cdr_exports.domain.events import Record
    from cdr_exports.runtime.kafka import Partition, Raw
    from cdr_exports.runtime.settings import KafkaSettings

app = typer.Typer()

BATCH_RECORDS, POLL_SECONDS = 500, 1.0


@app.callback()
def _group() -> None:
    """Keeps `tail` a subcommand although it is the only one."""


@app.command(epilog="Example: cdr-exports events tail --from-beginning --no-follow")
def tail(
    export: Annotated[str | None, typer.Option(metavar="ID", help="Only records of this export.")] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="All records that there are, not only those that come from now on.")
    ] = False,
    no_follow: Annotated[
        bool, typer.Option("--no-follow", help="With --from-beginning: end at the last record.")
    ] = False,
) -> None:
    """Print the records of the topics as JSON lines, until Ctrl-C."""
    from cdr_exports.runtime.settings import KafkaSettings

    if no_follow and not from_beginning:
        raise typer.BadParameter("--no-follow goes with --from-beginning")
    try:
        wanted = None if export is None else UUID(export)
    except ValueError:
        raise typer.BadParameter(f"{export} is no id of an export", param_hint="'--export'") from None
    quiet_logs()
    asyncio.run(_print(settings(KafkaSettings), wanted, from_beginning=from_beginning, follow=not no_follow))


async def _print(kafka: KafkaSettings, export_id: UUID | None, *, from_beginning: bool, follow: bool) -> None:
    from cdr_exports.runtime.registry import codec_for

    codec = codec_for(kafka)
    async for raw in _records(kafka, from_beginning=from_beginning, follow=follow):
        line = described(raw, codec)
        if export_id is None or line.get("export_id") == str(export_id):
            say_json(line, one_line=True)


async def _records(kafka: KafkaSettings, *, from_beginning: bool, follow: bool) -> AsyncIterator[Raw]:
    from cdr_exports.contract import topics
    from cdr_exports.runtime.kafka import GroupReader, read_to_end

    names = (topics.REQUESTS, topics.SLICES, topics.EVENTS, topics.DEAD_LETTERS)
    if not follow:
        async for raw in read_to_end(kafka, names):
            yield raw
        return

    async def start_of(_: set[Partition]) -> Mapping[Partition, int]:
        return {} if from_beginning else await reader.end_offsets()

    reader = GroupReader(kafka, names, f"cdr-exports-tail-{uuid4()}", start_of)
    async with reader:
        while True:
            for raw in await reader.batch(BATCH_RECORDS, POLL_SECONDS):
                yield raw


def described(raw: Raw, codec: Codec) -> dict[str, Any]:
    """One record as JSON has it: where it stands, what it is, what it says."""
    from cdr_exports.domain.errors import Poison

    place: dict[str, Any] = {
        "topic": raw.topic,
        "partition": raw.partition,
        "offset": raw.offset,
        "timestamp": _plain(raw.timestamp),
    }
    try:
        record: Record = codec.decode(raw.value)
    except Poison as error:
        return {**place, "record": None, "undecodable": str(error)}
    said = {field.name: _plain(getattr(record, field.name)) for field in fields(record)}
    return {**place, "record": type(record).__name__, **said}


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case bytes():
            return base64.b64encode(value).decode()
        case tuple() | list():
            return [_plain(each) for each in value]
        case _ if hasattr(value, "__dataclass_fields__"):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return str(value)
