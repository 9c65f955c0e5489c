"""The golden files of the schemas: reading them, and writing those that are missing.

`python -m tests.contract.golden` writes the files of samples that have none yet. It never overwrites one: bytes that
were published stay for ever.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import avro.schema

from cdr_exports.contract.codec import Codec
from cdr_exports.contract.conversion import record_conversion
from cdr_exports.contract.resources import repository_path
from cdr_exports.contract.schema_files import load_schema_files
from cdr_exports.contract.topics import key_of, topic_of
from cdr_exports.domain.events import Record
from tests.contract.records import SAMPLES

REGISTRY_ID = 258
"""Of whatever schema is at hand, in the golden bytes of Confluent framing. Both of its low bytes differ from 0."""


class OneSchema:
    """A registry that knows one schema."""

    def __init__(self, definition: dict[str, Any]) -> None:
        self.definition = definition

    def id_of(self, schema: dict[str, Any]) -> int:
        return REGISTRY_ID if schema == self.definition else REGISTRY_ID + 1

    def schema_of(self, schema_id: int) -> dict[str, Any]:
        return {REGISTRY_ID: self.definition}[schema_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """`document` says in JSON what the bytes hold, instants as integers, bytes as text of Latin-1."""

    name: str
    document: dict[str, Any]
    single_object: bytes
    confluent: bytes

    @property
    def definition(self) -> dict[str, Any]:
        return definition_of(self.name)

    @property
    def datum(self) -> bytes:
        return self.single_object[10:]


def definition_of(name: str) -> dict[str, Any]:
    """The schema that the golden file `name`, such as `SliceReady.v1.full`, is written by."""
    record, version, _ = name.split(".")
    return next(each.definition for each in load_schema_files() if each.name == f"{record}.{version}.avsc")


def golden_names() -> list[str]:
    return sorted(path.name.removesuffix(".json") for path in _folder().glob("*.v*.json"))


def golden(name: str) -> Golden:
    return Golden(
        name=name,
        document=json.loads((_folder() / f"{name}.json").read_bytes()),
        single_object=(_folder() / f"{name}.bin").read_bytes(),
        confluent=(_folder() / f"{name}.confluent.bin").read_bytes(),
    )


def document_of(record: Record, definition: dict[str, Any]) -> dict[str, Any]:
    to_avro, _ = record_conversion(type(record), definition)
    key = key_of(record)
    document = {"topic": topic_of(record), "key": key, "value": to_avro(record)}
    plain: dict[str, Any] = json.loads(json.dumps(document, default=lambda data: data.decode("latin-1")))
    return plain


def parsed(definition: dict[str, Any]) -> Any:
    return avro.schema.parse(json.dumps(definition), validate_names=True)


def raw(schema: Any) -> Any:
    """Without logical types and the like: golden JSON holds instants as integers, ids as text."""
    if isinstance(schema, dict):
        return {key: raw(value) for key, value in schema.items() if key not in ("logicalType", "format")}
    return [raw(each) for each in schema] if isinstance(schema, list) else schema


def single_object_header(definition: dict[str, Any]) -> bytes:
    """Of the schema as it is after the specification's transformation [PRIMITIVES], which Apache's Python package does
    not make for types with a logical one (its Java package does)."""
    return b"\xc3\x01" + bytes(parsed(raw(definition)).fingerprint("CRC-64-AVRO"))


def _folder() -> Path:
    return repository_path("schemas") / "golden"


def fingerprints() -> dict[str, str]:
    """By record and version, hexadecimal, in the order of the bytes on the wire."""
    known: dict[str, str] = json.loads((_folder() / "fingerprints.json").read_bytes())
    return known


def write_missing() -> None:
    """The golden files of samples that have none, and the fingerprints of schemas that are not in the list."""
    path = _folder() / "fingerprints.json"
    known = json.loads(path.read_bytes()) if path.exists() else {}
    found = {
        file.name.removesuffix(".avsc"): single_object_header(file.definition)[2:].hex() for file in load_schema_files()
    }
    path.write_text(json.dumps(found | known, indent=2, sort_keys=True) + "\n")
    plain = Codec.load()
    for name, record in SAMPLES.items():
        if (_folder() / f"{name}.json").exists():
            continue
        definition = definition_of(name)
        text = json.dumps(document_of(record, definition), indent=2, ensure_ascii=False)
        (_folder() / f"{name}.json").write_text(text + "\n")
        (_folder() / f"{name}.bin").write_bytes(plain.encode(record))
        registered = Codec.load(OneSchema(definition)).encode(record)
        (_folder() / f"{name}.confluent.bin").write_bytes(registered)


if __name__ == "__main__":
    write_missing()
