"""Where an export's objects lie in the store. Names are made of UUIDs and numbers only, never of anything a user wrote."""

from __future__ import annotations

import re
from uuid import UUID

from cdr_exports.domain.events import ExportRequested
from cdr_exports.domain.filters import FileFormat
from cdr_exports.domain.identity import ExportId

_SUFFIX = {FileFormat.CSV: "csv.gz", FileFormat.JSONL: "jsonl.gz", FileFormat.PARQUET: "parquet"}

_PART = re.compile(r"/part-(\d{5,})\.(?!json$)[^/]+$")


def folder(export_id: ExportId) -> str:
    """The prefix of all objects of one export, with the slash. Spread by the id's last byte: its first is a clock."""
    return f"exports/{str(export_id)[-2:]}/{export_id}/"


def plan(export_id: ExportId) -> str:
    return f"{folder(export_id)}plan.json"


def ledger_entry(export_id: ExportId, slice_number: int) -> str:
    return f"{folder(export_id)}part-{slice_number:05d}.json"


def part(export_id: ExportId, slice_number: int, attempt: str) -> str:
    """`attempt` makes the name unique: two workers on one slice never write the same object."""
    return f"{folder(export_id)}part-{slice_number:05d}.{attempt}"


def attempt_id(part_name: str) -> str:
    """The last step of a part's name, for what must be as unique as the part: the id of the query that makes it."""
    export, part_name = part_name.split("/")[-2:]
    return f"{export}-{part_name}"


def shares() -> list[str]:
    """Prefixes that divide all exports' objects among them, evenly."""
    return [f"exports/{number:02x}/" for number in range(256)]


def export_of(name: str) -> ExportId | None:
    """Whose object this is; None for a name that is not of our making."""
    try:
        return ExportId(UUID(name.split("/")[-2]))
    except (IndexError, ValueError):
        return None


def slice_of_part(name: str) -> int | None:
    """The slice that a part is of; None for every other object."""
    found = _PART.search(name)
    return int(found[1]) if found else None


def manifest(export_id: ExportId) -> str:
    return f"{folder(export_id)}manifest.json"


def failure(export_id: ExportId) -> str:
    """Exists where the export has failed for good."""
    return f"{folder(export_id)}failed.json"


def tombstone(export_id: ExportId) -> str:
    """Exists where the export was deleted; outlives its other objects."""
    return f"deleted/{str(export_id)[-2:]}/{export_id}.json"


def file_name(request: ExportRequested) -> str:
    """What the file is called when it is downloaded."""
    return f"{request.export_id}.{_SUFFIX[request.file_format]}"
