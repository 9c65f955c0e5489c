"""A second opinion: Apache's own implementation reads our bytes, writes the same, and judges compatibility."""

from __future__ import annotations

import io
import json
from copy import deepcopy
from itertools import permutations
from typing import Any

import avro.io
import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from cdr_exports.contract.schema_files import SchemaFile, load_schema_files
from tests.contract.golden import golden, golden_names, parsed, raw, single_object_header

FILES = load_schema_files()
PAIRS = [pair for pair in permutations(FILES, 2) if pair[0].record == pair[1].record]


def in_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda data: data.decode("latin-1")))


def with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """Golden JSON of a dead letter with its bytes as bytes."""
    value = deepcopy(value)
    for holder in (value, *value.get("headers", ())):
        for name in {"key", "value"} & holder.keys():
            holder[name] = None if holder[name] is None else holder[name].encode("latin-1")
    return value


def reads(reader: dict[str, Any], writer: dict[str, Any]) -> bool:
    checker: Any = ReaderWriterCompatibilityChecker
    verdict = checker().get_compatibility(parsed(reader), parsed(writer))
    return bool(verdict.compatibility == SchemaCompatibilityType.compatible)


@pytest.mark.parametrize("name", golden_names())
def test_apache_avro_reads_what_golden_json_says_and_nothing_is_left(name: str) -> None:
    body = io.BytesIO(golden(name).datum)

    value = avro.io.DatumReader(parsed(raw(golden(name).definition))).read(avro.io.BinaryDecoder(body))

    assert in_json(value) == golden(name).document["value"]
    assert body.read() == b""


@pytest.mark.parametrize("name", golden_names())
def test_apache_avro_writes_golden_json_as_the_same_bytes(name: str) -> None:
    body = io.BytesIO()
    value = with_bytes(golden(name).document["value"])

    avro.io.DatumWriter(parsed(raw(golden(name).definition))).write(value, avro.io.BinaryEncoder(body))

    assert body.getvalue() == golden(name).datum


@pytest.mark.parametrize("name", golden_names())
def test_apache_avro_finds_the_fingerprint_that_is_in_the_header(name: str) -> None:
    assert golden(name).single_object[:10] == single_object_header(golden(name).definition)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_apache_avro_takes_the_logical_types_of_the_schema(file: SchemaFile) -> None:
    ids = [field.type for field in parsed(file.definition).fields if field.name == "event_id"]

    assert isinstance(ids[0], avro.schema.UUIDSchema)


def test_each_version_of_a_record_reads_each_other() -> None:
    unreadable = [f"{reader.name} cannot read {writer.name}" for reader, writer in PAIRS
                  if not reads(reader.definition, writer.definition)]  # fmt: skip

    assert unreadable == []


def changed(definition: dict[str, Any], **field: Any) -> dict[str, Any]:
    return definition | {"fields": [*definition["fields"], {"name": "added", "doc": "New.", **field}]}


SLICE_READY = next(file.definition for file in FILES if file.record == "SliceReady")


@pytest.mark.parametrize(
    ("newer", "compatible"),
    [
        pytest.param(changed(SLICE_READY, type=["null", "string"], default=None), True, id="a field with a default"),
        pytest.param(changed(SLICE_READY, type="string"), False, id="a field without one"),
        pytest.param(SLICE_READY | {"fields": SLICE_READY["fields"][:-1]}, False, id="a field removed"),
        pytest.param(SLICE_READY | {"name": "SliceMade"}, False, id="a record renamed"),
    ],
)
def test_the_judge_can_tell(newer: dict[str, Any], compatible: bool) -> None:
    verdict = reads(newer, SLICE_READY) and reads(SLICE_READY, newer)

    assert verdict is compatible
