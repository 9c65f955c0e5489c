"""Whether the published schemas keep what they promise. Behind `cdr-exports schemas check`, and a test.

The promise is FULL_TRANSITIVE, in the narrow sense of schemas/README.md: every version reads every other, nothing is
renamed or removed, and what is added has a default. The golden bytes of every version ever published still decode,
which also shows a published file that was edited: its fingerprint is no longer the one in the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from cdr_exports.contract.codec import Codec
from cdr_exports.contract.resources import repository_path
from cdr_exports.contract.schema_files import NAMESPACE, SchemaFile, load_schema_files
from cdr_exports.domain.errors import Misconfigured, Poison

GOLDEN = "golden"


def check_schemas(folder: Path | None = None) -> list[str]:
    """Everything that is wrong with the schemas of `folder` (of the installation, by default), one sentence each."""
    folder = folder or repository_path("schemas")
    faults: list[str] = []
    try:
        files = load_schema_files(folder)
        faults += (fault for file in files for fault in _form(file))
        faults += (fault for pair in combinations(files, 2) for fault in incompatibilities(*pair))
        faults += _versions(files)
        faults += _golden(folder / GOLDEN, files, Codec(files))
    except Misconfigured as error:
        faults += error.faults
    return faults


def incompatibilities(older: SchemaFile, newer: SchemaFile) -> list[str]:
    """Why the two versions of one record cannot read each other; nothing for different records."""
    if older.record != newer.record:
        return []
    told = f"{older.name} and {newer.name}"
    return [f"{told}: {fault}" for fault in _differences(older.record, older.definition, newer.definition)]


def _form(file: SchemaFile) -> Iterator[str]:
    definition = file.definition
    if (definition.get("name"), definition.get("namespace")) != (file.record, NAMESPACE):
        yield f"{file.name}: it must define the record {NAMESPACE}.{file.record}"
    for place, schema in _walk(file.record, definition):
        for fault in _form_of_type(schema) if isinstance(schema, dict) else _form_of_union(schema):
            yield f"{file.name}: {place} {fault}"


def _form_of_type(schema: dict[str, Any]) -> Iterator[str]:
    if schema["type"] in ("record", "enum") and not schema.get("doc"):
        yield "has no doc"
    if schema["type"] == "enum" and schema.get("default") not in schema["symbols"]:
        yield "has no default symbol"
    for field in schema.get("fields", ()):
        if not field.get("doc"):
            yield f"has no doc for {field['name']}"
        if isinstance(field["type"], list) and field.get("default", "missing") is not None:
            yield f"has an optional field without the default null: {field['name']}"


def _form_of_union(schema: list[Any]) -> Iterator[str]:
    if len(schema) != 2 or schema[0] != "null":
        yield "has a union that is not of null, first, and one type"


def _walk(place: str, schema: Any) -> Iterator[tuple[str, Any]]:
    """Every schema within `schema`, itself included, with its place; named types where they are spelled out."""
    if isinstance(schema, list):
        yield place, schema
        for each in schema:
            yield from _walk(place, each)
    elif isinstance(schema, dict):
        yield place, schema
        yield from _walk(f"{place}[]", schema.get("items"))
        for field in schema.get("fields", ()):
            yield from _walk(f"{place}.{field['name']}", field["type"])


def _differences(place: str, older: Any, newer: Any) -> Iterator[str]:
    if isinstance(older, list) and isinstance(newer, list) and len(older) == len(newer):
        for old, new in zip(older, newer, strict=True):
            yield from _differences(place, old, new)
    elif isinstance(older, dict) and isinstance(newer, dict) and _identity(older) == _identity(newer):
        if "items" in older:
            yield from _differences(f"{place}[]", older["items"], newer["items"])
        if lost := sorted(set(older.get("symbols", ())) - set(newer.get("symbols", ()))):
            yield f"{place} has lost {', '.join(lost)}"
        yield from _field_differences(place, older.get("fields", ()), newer.get("fields", ()))
    elif older != newer:
        yield f"{place} has changed its type"


def _identity(schema: dict[str, Any]) -> tuple[Any, ...]:
    """What must stay the same of a type. An enum's default is what older readers make of newer symbols."""
    default = schema.get("default") if schema["type"] == "enum" else None
    return schema["type"], schema.get("name"), schema.get("logicalType"), schema.get("format"), default


def _field_differences(place: str, older: Any, newer: Any) -> Iterator[str]:
    new = {field["name"]: field for field in newer}
    for field in older:
        name = field["name"]
        match = new.pop(name, None)
        if match is None:
            yield f"{place}.{name} has gone"
            continue
        if field.get("default", "none") != match.get("default", "none"):
            yield f"{place}.{name} has changed its default"
        yield from _differences(f"{place}.{name}", field["type"], match["type"])
    for name, field in new.items():
        if "default" not in field:
            yield f"{place}.{name} is new and has no default"


def _versions(files: tuple[SchemaFile, ...]) -> Iterator[str]:
    for record in sorted({file.record for file in files}):
        versions = [file.version for file in files if file.record == record]
        if versions != list(range(1, len(versions) + 1)):
            yield f"{record}: a version is missing: there are {', '.join(map(str, versions))}"


def _golden(folder: Path, files: tuple[SchemaFile, ...], codec: Codec) -> Iterator[str]:
    """Golden bytes are called `<Record>.v<N>.<case>.bin`; those in Confluent framing need a registry and are left out."""
    for file in files:
        samples = sorted(folder.glob(f"{file.record}.v{file.version}.*.bin"))
        samples = [path for path in samples if not path.name.endswith(".confluent.bin")]
        if not samples:
            yield f"{file.name}: it has no golden bytes"
        for path in samples:
            try:
                codec.decode(path.read_bytes())
            except Poison as error:
                yield f"{GOLDEN}/{path.name}: {error}"
