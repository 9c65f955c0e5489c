"""The published schemas keep their promise, and the check that says so can fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from cdr_exports.contract.compatibility import check_schemas, incompatibilities
from cdr_exports.contract.resources import repository_path
from cdr_exports.contract.schema_files import SchemaFile, load_schema_files
from cdr_exports.domain import events, filters
from tests.contract.records import RECORD_TYPES

NEWEST = {file.record: file.definition for file in load_schema_files()}
BEGINNING = ["event_id", "occurred_at", "source", "correlation_id", "causation_id"]
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(repository_path("schemas"), tmp_path / "schemas")


def edit(path: Path, change: Change) -> None:
    definition = json.loads(path.read_bytes())
    change(definition)
    path.write_text(json.dumps(definition))


def field(definition: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in definition["fields"] if each["name"] == name)
    return found


def test_the_published_schemas_keep_their_promise() -> None:
    assert check_schemas() == []


def test_each_record_has_a_schema_and_each_schema_a_record() -> None:
    assert set(NEWEST) == {record.__name__ for record in RECORD_TYPES}


@pytest.mark.parametrize("record", RECORD_TYPES, ids=lambda record: record.__name__)
def test_a_record_and_its_schema_have_the_same_fields_in_the_same_order(record: type) -> None:
    in_schema = [each["name"] for each in NEWEST[record.__name__]["fields"]]

    assert in_schema == [each.name for each in fields(record)]
    assert in_schema[: len(BEGINNING)] == BEGINNING


@pytest.mark.parametrize("record", RECORD_TYPES, ids=lambda record: record.__name__)
def test_a_default_of_the_schema_is_the_default_of_the_record(record: type) -> None:
    in_schema = {each["name"]: each["default"] for each in NEWEST[record.__name__]["fields"] if "default" in each}
    in_record = {each.name: each.default for each in fields(record)}

    differing = {
        name: default
        for name, default in in_schema.items()
        if in_record[name] != (tuple(default) if isinstance(default, list) else default)
    }

    assert set(differing) <= {"data_through", "source_timestamp", "key", "value"}, "given by us, optional for others"


def test_nested_records_are_called_as_in_the_program() -> None:
    nested = {
        each["type"]["name"]
        for definition in NEWEST.values()
        for each in definition["fields"]
        if isinstance(each["type"], dict) and each["type"]["type"] == "record"
    }

    assert nested == {"Filters", "ExportedFile", "Totals"}
    assert all(is_dataclass(getattr(filters, name, None) or getattr(events, name)) for name in nested)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(lambda d: d.pop("doc"), "ExportFailed has no doc", id="record without doc"),
        pytest.param(lambda d: field(d, "code").pop("doc"), "ExportFailed has no doc for code", id="field without doc"),
        pytest.param(
            lambda d: field(d, "fault")["type"].pop("default"),
            "ExportFailed.fault has no default symbol",
            id="enum without default",
        ),
        pytest.param(
            lambda d: field(d, "correlation_id").pop("default"),
            "ExportFailed has an optional field without the default null: correlation_id",
            id="optional without default",
        ),
        pytest.param(
            lambda d: field(d, "correlation_id").update(type=["string", "null"], default=""),
            "ExportFailed.correlation_id has a union that is not of null, first, and one type",
            id="null is not first",
        ),
        pytest.param(
            lambda d: d.update(namespace="x"), "it must define the record cdr_exports.v1.ExportFailed", id="namespace"
        ),
    ],
)
def test_a_fault_of_form_is_found(copy: Path, change: Change, fault: str) -> None:
    edit(copy / "ExportFailed.v1.avsc", change)

    assert f"ExportFailed.v1.avsc: {fault}" in check_schemas(copy)


def test_an_edited_file_is_found_by_its_golden_bytes(copy: Path) -> None:
    edit(copy / "SliceReady.v1.avsc", lambda d: field(d, "slice").update(type="long"))

    faults = check_schemas(copy)

    assert any("SliceReady" in fault for fault in faults)


def test_a_version_left_out_is_found(copy: Path) -> None:
    shutil.copy(copy / "SliceReady.v1.avsc", copy / "SliceReady.v3.avsc")

    faults = check_schemas(copy)

    assert "SliceReady: a version is missing: there are 1, 3" in faults
    assert "SliceReady.v3.avsc: it has no golden bytes" in faults


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        pytest.param("Broken.v1.avsc", "{", "Broken.v1.avsc: no JSON", id="no json"),
        pytest.param("broken.avsc", "{}", "broken.avsc: a schema is one record in a file", id="name"),
    ],
)
def test_a_file_that_is_no_schema_is_found(copy: Path, name: str, content: str, fault: str) -> None:
    (copy / name).write_text(content)

    assert check_schemas(copy)[0].startswith(fault)


def add(d: dict[str, Any], **added: Any) -> None:
    d["fields"].append({"name": "added", "doc": "New."} | added)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(lambda d: add(d, type="string", default=""), None, id="a field with a default"),
        pytest.param(lambda d: field(d, "filters").update(doc="Other words."), None, id="a doc"),
        pytest.param(lambda d: field(d, "file_format")["type"]["symbols"].append("orc"), None, id="a symbol"),
        pytest.param(lambda d: add(d, type="string"), ".added is new and has no default", id="no default"),
        pytest.param(lambda d: d["fields"].pop(0), ".event_id has gone", id="a field gone"),
        pytest.param(
            lambda d: field(d, "account_id").update(type="string"), ".account_id has changed its type", id="type"
        ),
        pytest.param(
            lambda d: field(d, "file_format")["type"]["symbols"].remove("jsonl"),
            ".file_format has lost jsonl",
            id="a symbol gone",
        ),
        pytest.param(
            lambda d: field(d, "time_format").update(default="without_timezone"),
            ".time_format has changed its default",
            id="a default changed",
        ),
        pytest.param(
            lambda d: field(d["fields"][7]["type"], "time_start_lt")["type"].update(logicalType="timestamp-micros"),
            ".filters.time_start_lt has changed its type",
            id="a unit changed",
        ),
        pytest.param(
            lambda d: field(d, "columns")["type"].update(items="bytes"), ".columns[] has changed its type", id="items"
        ),
        pytest.param(
            lambda d: field(d["fields"][7]["type"], "duration_eq").update(type=["null", "long"]),
            ".filters.duration_eq has changed its type",
            id="within a union",
        ),
    ],
)
def test_what_a_new_version_may_change_is_told_from_what_it_may_not(change: Change, fault: str | None) -> None:
    older = SchemaFile(record="ExportRequested", version=1, definition=NEWEST["ExportRequested"])
    newer = SchemaFile(record="ExportRequested", version=2, definition=json.loads(json.dumps(older.definition)))
    change(newer.definition)

    found = incompatibilities(older, newer)

    told = f"ExportRequested.v1.avsc and ExportRequested.v2.avsc: ExportRequested{fault}"
    assert found == ([told] if fault else [])
