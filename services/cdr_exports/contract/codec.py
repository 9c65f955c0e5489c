"""Records as bytes: Avro, in the two framings that the world agrees on. The one door to fastavro.

Single-object encoding: 0xC3 0x01, the CRC-64-AVRO fingerprint of the schema's canonical form, little-endian, datum.
Confluent framing: 0x00, the registry's id of the schema, 4 bytes big-endian, datum.
Written is the second where a registry is configured, else the first; read are both. A datum of another version than
ours is resolved to ours where its schema is at hand: in `schemas/`, or with the registry.

Bytes that cannot be a record raise Unusable, a Poison with the reason, and nothing else.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, overload

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException, UnknownType, fingerprint, to_parsing_canonical_form

from cdr_exports.contract.conversion import Mismatch, Step, record_conversion
from cdr_exports.contract.dead_letters import Reason, Unusable
from cdr_exports.contract.schema_files import NAMESPACE, SchemaFile, load_schema_files
from cdr_exports.contract.topics import RECORDS
from cdr_exports.domain.errors import Misconfigured
from cdr_exports.domain.events import DeadLetter, Event, Record

LARGEST_BYTES = 256 * 1024
"""Of one record. What is longer is a mistake or an attack, and is not looked into."""
LARGEST_LETTER_BYTES = 5 * 256 * 1024
"""Of a dead letter, which holds a whole record that may be longer than allowed, up to the megabyte a topic takes."""

_SINGLE_OBJECT = b"\xc3\x01"
_SINGLE_OBJECT_HEADER = len(_SINGLE_OBJECT) + 8
_CONFLUENT = b"\x00"
_CONFLUENT_ID = struct.Struct(">xI")

R = TypeVar("R", bound=Event)


class Registry(Protocol):
    """A schema registry: numbers for schemas. Both calls raise Transient if it does not answer."""

    def id_of(self, schema: dict[str, Any]) -> int:
        """The id of `schema`, which is registered if it was not."""
        ...

    def schema_of(self, schema_id: int) -> dict[str, Any]:
        """Raises LookupError if there is no such id."""
        ...


@dataclass(frozen=True, slots=True)
class _Writing:
    """How one record is written: our newest version, with the header that says so."""

    header: bytes
    schema: Any
    to_avro: Step


@dataclass(frozen=True, slots=True)
class _Reading:
    """How a datum of one schema is read. `reader` is None where it was written by our own version."""

    record: type
    writer: Any
    reader: Any
    from_avro: Step


class Codec:
    """Every version of every record, to and from bytes. Immutable but for what it learns from the registry."""

    def __init__(self, files: Iterable[SchemaFile], registry: Registry | None = None) -> None:
        """Raises Misconfigured if schemas and records do not fit, Transient if the registry does not answer."""
        self._registry = registry
        self._writings: dict[type, _Writing] = {}
        self._own: dict[str, _Reading] = {}
        self._readings: dict[bytes, _Reading] = {}
        files = sorted(files, key=lambda file: file.version)
        newest = {file.record: file for file in files}
        faults = [fault for record in _record_types() for fault in self._adopt(record, newest)]
        for file in files:
            if file.record in self._own:
                faults += self._admit(file)
        if faults:
            raise Misconfigured(faults)

    @classmethod
    def load(cls, registry: Registry | None = None) -> Codec:
        """With the schemas of the installation."""
        return cls(load_schema_files(), registry)

    def encode(self, record: Record) -> bytes:
        """Raises ValueError for a record that no reader would take; its fields were not checked where it was made."""
        writing = self._writings[type(record)]
        out = io.BytesIO()
        out.write(writing.header)
        try:
            schemaless_writer(out, writing.schema, writing.to_avro(record), strict=True)
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(f"{type(record).__name__} cannot be written: {error}") from error
        if out.tell() > _largest(type(record)):
            raise ValueError(f"{type(record).__name__} cannot be written: it has {out.tell()} bytes")
        return out.getvalue()

    @overload
    def decode(self, data: bytes | None) -> Record: ...
    @overload
    def decode(self, data: bytes | None, expect: tuple[type[R], ...]) -> R: ...
    def decode(self, data: bytes | None, expect: tuple[type[Any], ...] | None = None) -> Any:
        """The record in `data`, which must be one of `expect` if that is given. Raises Unusable, a Poison.

        With a registry also Transient, if it is asked for a new id and does not answer.
        """
        if data is None:
            raise Unusable(Reason.NO_VALUE, "there is no value")
        header_bytes, reading = self._identify(data)
        name = reading.record.__name__
        if expect is not None and reading.record not in expect:
            expected = " or ".join(each.__name__ for each in expect)
            raise Unusable(Reason.UNEXPECTED_RECORD, f"it is a record {name} where {expected} belongs")
        if len(data) > _largest(reading.record):
            raise Unusable(Reason.TOO_LARGE, f"{name} of {len(data)} bytes; {_largest(reading.record)} are allowed")
        body = io.BytesIO(data)
        body.seek(header_bytes)
        try:
            values = schemaless_reader(body, reading.writer, reading.reader)
        except SchemaResolutionError as error:
            raise Unusable(Reason.UNKNOWN_SCHEMA, f"a schema of {name} that ours cannot read: {error}") from error
        except Exception as error:  # EOFError, IndexError, UnicodeDecodeError: fastavro has no error of its own here
            raise Unusable(Reason.CORRUPT, f"corrupt {name}: {type(error).__name__}: {error}") from error
        if trailing := len(data) - body.tell():
            raise Unusable(Reason.CORRUPT, f"corrupt {name}: {trailing} bytes follow its end")
        try:
            return reading.from_avro(values)
        except ValueError as error:
            raise Unusable(Reason.INVALID_VALUE, f"{name}.{error}") from error

    def _identify(self, data: bytes) -> tuple[int, _Reading]:
        """The length of the header of `data`, and how what follows it is read."""
        if data.startswith(_SINGLE_OBJECT) and len(data) >= _SINGLE_OBJECT_HEADER:
            header = data[:_SINGLE_OBJECT_HEADER]
            if reading := self._readings.get(header):
                return len(header), reading
            raise Unusable(Reason.UNKNOWN_SCHEMA, f"no schema has the fingerprint {header[2:].hex()} (as on the wire)")
        if data.startswith(_CONFLUENT) and len(data) >= _CONFLUENT_ID.size:
            header = data[: _CONFLUENT_ID.size]
            return len(header), self._readings.get(header) or self._learn(header)
        if len(data) < _CONFLUENT_ID.size or data.startswith(_SINGLE_OBJECT):
            raise Unusable(Reason.UNKNOWN_FRAMING, f"too short: {len(data)} bytes")
        raise Unusable(Reason.UNKNOWN_FRAMING, f"unknown magic 0x{data[:2].hex()}: neither of the framings of Avro")

    def _learn(self, header: bytes) -> _Reading:
        """Asks the registry for an id met for the first time."""
        (schema_id,) = _CONFLUENT_ID.unpack(header)
        if self._registry is None:
            raise Unusable(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} of a registry, and none is configured")
        try:
            reading = self._reading(self._registry.schema_of(schema_id))
        except LookupError as error:
            raise Unusable(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} is no record of ours") from error
        self._readings[header] = reading
        return reading

    def _adopt(self, record: type, newest: dict[str, SchemaFile]) -> list[str]:
        """Makes the newest schema of `record` ours. Returns what is wrong with it."""
        name = record.__name__
        if name not in newest:
            return [f"there is no schema of {name}"]
        definition = newest[name].definition
        try:
            to_avro, from_avro = record_conversion(record, definition)
            schema = _plain(definition)
        except (Mismatch, LookupError) as error:
            return [f"{newest[name].name}: {error}"]
        header = _single_object_header(definition)
        if self._registry is not None:
            header = _CONFLUENT_ID.pack(self._registry.id_of(definition))
        self._writings[record] = _Writing(header, schema, to_avro)
        self._own[name] = self._readings[header] = _Reading(record, schema, None, from_avro)
        return []

    def _admit(self, file: SchemaFile) -> list[str]:
        """Makes one version readable in single-object encoding. Returns what is wrong with it."""
        try:
            self._readings[_single_object_header(file.definition)] = self._reading(file.definition)
        except LookupError as error:
            return [f"{file.name}: {error}"]
        return []

    def _reading(self, definition: dict[str, Any]) -> _Reading:
        """How a datum written by `definition` becomes our record. Raises LookupError if it is none of ours."""
        writer = _plain(definition)
        namespace, _, name = str(writer["name"]).rpartition(".")
        if namespace != NAMESPACE:
            raise LookupError(f"{writer['name']} is no record of ours")
        own = self._own[name]
        return own if writer == own.writer else _Reading(own.record, writer, own.writer, own.from_avro)


def _record_types() -> list[type[Record]]:
    return [record for records in RECORDS.values() for record in records]


def _largest(record: type) -> int:
    return LARGEST_LETTER_BYTES if record is DeadLetter else LARGEST_BYTES


def _single_object_header(definition: dict[str, Any]) -> bytes:
    return _SINGLE_OBJECT + bytes.fromhex(fingerprint(to_parsing_canonical_form(definition), "CRC-64-AVRO"))


def _plain(definition: Any) -> dict[str, Any]:
    """The schema as fastavro wants it, without logical types: instants and ids are converted here, by one rule.

    Raises LookupError if it is not the schema of a record.
    """
    try:
        parsed = parse_schema(_without_logical_types(definition))
    except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError) as error:
        raise LookupError(f"no schema: {error}") from error
    if not isinstance(parsed, dict) or parsed["type"] != "record":
        raise LookupError("not the schema of a record")
    return parsed


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_logical_types(each) for key, each in schema.items() if key != "logicalType"}
    return [_without_logical_types(each) for each in schema] if isinstance(schema, list) else schema
