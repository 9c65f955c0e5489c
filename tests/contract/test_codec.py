"""The codec: every record survives the way there and back, and bytes that are no record are refused with the reason."""

from __future__ import annotations

import io
import struct
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, cast

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cdr_exports.contract.codec import LARGEST_BYTES, LARGEST_LETTER_BYTES, Codec
from cdr_exports.contract.dead_letters import Reason, Unusable
from cdr_exports.contract.schema_files import SchemaFile, load_schema_files
from cdr_exports.domain.errors import Misconfigured
from cdr_exports.domain.events import (
    AccountChanged,
    DeadLetter,
    ExportCompleted,
    ExportDeleteRequested,
    ExportRequested,
    Record,
    SliceReady,
)
from cdr_exports.domain.filters import TimeFormat
from cdr_exports.domain.identity import AccountId
from tests.contract.golden import golden, raw, single_object_header
from tests.contract.records import RECORD_TYPES, SAMPLES, any_record

CODEC = Codec.load()
SCHEMAS = {file.record: file.definition for file in load_schema_files()}
SLICE_READY = cast(SliceReady, SAMPLES["SliceReady.v1.full"])
BYTES = CODEC.encode(SLICE_READY)
HEADER, DATUM = BYTES[:10], BYTES[10:]


PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no fault of the codec."""


class InMemoryRegistry:
    """Numbers schemas from 1; `asked` counts look-ups."""

    def __init__(self) -> None:
        self.schemas: list[dict[str, Any]] = []
        self.asked = 0

    def id_of(self, schema: dict[str, Any]) -> int:
        if schema not in self.schemas:
            self.schemas.append(schema)
        return self.schemas.index(schema) + 1

    def schema_of(self, schema_id: int) -> dict[str, Any]:
        self.asked += 1
        return dict(enumerate(self.schemas, start=1))[schema_id]


def written(definition: dict[str, Any], value: dict[str, Any]) -> bytes:
    """A datum as another publisher would write it."""
    out = io.BytesIO()
    schemaless_writer(out, parse_schema(deepcopy(definition)), value)
    return out.getvalue()


def with_fields(record: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return SCHEMAS[record] | {"fields": [*SCHEMAS[record]["fields"], *fields]}


def as_text(**overrides: Any) -> dict[str, Any]:
    """What golden JSON says of a slice, a little changed."""
    return {**golden("SliceReady.v1.full").document["value"], **overrides}


def refused(codec: Codec, data: bytes | None, *expect: type[Record]) -> Unusable:
    with pytest.raises(Unusable) as caught:
        codec.decode(data, expect) if expect else codec.decode(data)
    return caught.value


class TestRoundTrip:
    @given(any_record())
    @PATIENT
    def test_a_record_survives_encoding_and_decoding(self, record: Record) -> None:
        assert CODEC.decode(CODEC.encode(record)) == record

    @given(any_record())
    @PATIENT
    def test_a_record_survives_with_a_registry(self, record: Record) -> None:
        codec = Codec.load(InMemoryRegistry())

        data = codec.encode(record)

        assert data[0] == 0
        assert codec.decode(data) == record

    def test_the_record_types_are_all_there_are(self) -> None:
        assert set(RECORD_TYPES) == {type(record) for record in SAMPLES.values()}

    def test_an_instant_of_another_zone_is_the_same_instant(self) -> None:
        local = SLICE_READY.occurred_at.astimezone(timezone(timedelta(hours=3)))

        assert CODEC.encode(replace(SLICE_READY, occurred_at=local)) == BYTES

    @pytest.mark.parametrize(
        "text", ["0", "-0.00000000000000000001", "1E+3", "123456789012345678.12345678901234567890"]
    )
    def test_a_sum_is_exact(self, text: str) -> None:
        completed = SAMPLES["ExportCompleted.v1.full"]
        assert isinstance(completed, ExportCompleted)
        record = replace(completed, totals=replace(completed.totals, customer_price=Decimal(text)))

        assert CODEC.decode(CODEC.encode(record), (ExportCompleted,)).totals.customer_price == Decimal(text)


class TestFramings:
    def test_single_object_encoding_is_written_without_a_registry(self) -> None:
        assert BYTES[:2] == b"\xc3\x01"

    def test_confluent_framing_is_written_with_a_registry(self) -> None:
        registry = InMemoryRegistry()
        schema_id = registry.id_of(SCHEMAS["SliceReady"])

        assert Codec.load(registry).encode(SLICE_READY) == struct.pack(">bI", 0, schema_id) + DATUM

    def test_single_object_encoding_is_read_with_a_registry(self) -> None:
        assert Codec.load(InMemoryRegistry()).decode(BYTES) == SLICE_READY

    def test_confluent_framing_needs_a_registry(self) -> None:
        error = refused(CODEC, b"\x00\x00\x00\x00\x07" + DATUM)

        assert error.reason is Reason.UNKNOWN_SCHEMA
        assert "schema id 7 of a registry, and none is configured" in str(error)

    def test_the_registry_is_asked_once_for_an_id(self) -> None:
        registry = InMemoryRegistry()
        codec = Codec.load(registry)
        newer = with_fields("SliceReady", {"name": "hint", "type": ["null", "string"], "default": None})
        data = struct.pack(">bI", 0, registry.id_of(newer)) + written(newer, as_text(hint="soon"))

        records = [codec.decode(data), codec.decode(data)]

        assert records == [SLICE_READY, SLICE_READY]
        assert registry.asked == 1

    def test_an_id_that_the_registry_does_not_have_is_poison(self) -> None:
        error = refused(Codec.load(InMemoryRegistry()), b"\x00\x00\x00\xff\xff" + DATUM)

        assert (error.reason, str(error)) == (Reason.UNKNOWN_SCHEMA, "schema id 65535 is no record of ours")

    @pytest.mark.parametrize(
        "schema",
        [
            pytest.param({"type": "string"}, id="no record"),
            pytest.param({"type": "record", "name": "cdr_exports.v1.SliceReady", "fields": 7}, id="no schema"),
            pytest.param({"type": "record", "name": "cdr_exports.v1.SliceReady", "fields": []}, id="not compatible"),
            pytest.param({"type": "record", "name": "SliceReady", "fields": []}, id="no namespace"),
            pytest.param({"type": "record", "name": "other.Thing", "fields": []}, id="no record of ours"),
            pytest.param({"type": "record", "name": "other.SliceReady", "fields": []}, id="another namespace"),
        ],
    )
    def test_a_schema_of_somebody_else_is_poison(self, schema: dict[str, Any]) -> None:
        registry = InMemoryRegistry()
        codec = Codec.load(registry)

        error = refused(codec, struct.pack(">bI", 0, registry.id_of(schema)) + DATUM)

        assert error.reason is Reason.UNKNOWN_SCHEMA


class TestVersions:
    """A schema of version 0 stands for any that is not ours, older or newer: ours is the one of the highest number."""

    def test_a_newer_version_is_read_when_its_schema_is_at_hand(self) -> None:
        newer = with_fields("SliceReady", {"name": "hint", "type": "string", "default": "", "doc": "New."})
        codec = Codec([SchemaFile(record="SliceReady", version=0, definition=newer), *load_schema_files()])

        record = codec.decode(single_object_header(newer) + written(newer, as_text(hint="soon")), (SliceReady,))

        assert record == SLICE_READY

    def test_an_older_version_gets_the_defaults_of_ours(self) -> None:
        definition = SCHEMAS["ExportRequested"]
        older = definition | {"fields": [each for each in definition["fields"] if each["name"] != "time_format"]}
        codec = Codec([SchemaFile(record="ExportRequested", version=0, definition=older), *load_schema_files()])
        value = golden("ExportRequested.v1.least").document["value"]

        record = codec.decode(single_object_header(older) + written(older, value), (ExportRequested,))

        assert record.time_format is TimeFormat.WITH_TIMEZONE

    def test_a_symbol_we_do_not_know_is_the_default_one(self) -> None:
        newer = deepcopy(SCHEMAS["ExportDeleteRequested"])
        reason = next(each for each in newer["fields"] if each["name"] == "reason")
        reason["type"]["symbols"].append("weather")
        codec = Codec([SchemaFile(record="ExportDeleteRequested", version=0, definition=newer), *load_schema_files()])
        value = golden("ExportDeleteRequested.v1.least").document["value"] | {"reason": "weather"}

        record = codec.decode(single_object_header(newer) + written(newer, value), (ExportDeleteRequested,))

        assert record.reason.value == reason["type"]["default"]

    def test_a_schema_that_the_program_does_not_fit_is_found_when_the_codec_is_made(self) -> None:
        newer = with_fields("SliceReady", {"name": "hint", "type": "string", "default": "", "doc": "New."})
        files = [file for file in load_schema_files() if file.record != "AccountChanged"]

        with pytest.raises(Misconfigured) as caught:
            Codec([*files, SchemaFile(record="SliceReady", version=2, definition=newer)])

        assert caught.value.faults == [
            "SliceReady.v2.avsc: SliceReady: only one of dataclass and schema has ['hint']",
            "there is no schema of AccountChanged",
        ]


class TestRefusal:
    @pytest.mark.parametrize(
        ("data", "reason", "told"),
        [
            pytest.param(None, Reason.NO_VALUE, "there is no value", id="no value"),
            pytest.param(b"", Reason.UNKNOWN_FRAMING, "too short: 0 bytes", id="empty"),
            pytest.param(b"\x00\x00\x00\x01", Reason.UNKNOWN_FRAMING, "too short: 4 bytes", id="half an id"),
            pytest.param(HEADER[:9], Reason.UNKNOWN_FRAMING, "too short: 9 bytes", id="half a fingerprint"),
            pytest.param(b'{"export_id": 1}', Reason.UNKNOWN_FRAMING, "unknown magic 0x7b22", id="json"),
            pytest.param(b"\xc3\x01ABCDEFGH", Reason.UNKNOWN_SCHEMA, "fingerprint 4142434445464748", id="fingerprint"),
            pytest.param(HEADER, Reason.CORRUPT, "corrupt SliceReady: EOFError", id="no body"),
            pytest.param(BYTES[:-1], Reason.CORRUPT, "corrupt SliceReady: EOFError", id="cut short"),
            pytest.param(BYTES + b"\x00", Reason.CORRUPT, "1 bytes follow its end", id="trailing byte"),
            pytest.param(BYTES + BYTES, Reason.CORRUPT, f"{len(BYTES)} bytes follow its end", id="twice"),
            pytest.param(BYTES.ljust(LARGEST_BYTES + 1), Reason.TOO_LARGE, "262144 are allowed", id="too large"),
        ],
    )
    def test_what_is_no_record_is_poison_with_its_reason(self, data: bytes | None, reason: Reason, told: str) -> None:
        error = refused(CODEC, data)

        assert error.reason is reason
        assert told in str(error)

    def test_a_record_of_another_topic_is_poison(self) -> None:
        error = refused(CODEC, BYTES, ExportRequested, ExportDeleteRequested)

        assert error.reason is Reason.UNEXPECTED_RECORD
        assert str(error) == "it is a record SliceReady where ExportRequested or ExportDeleteRequested belongs"

    @pytest.mark.parametrize(
        ("overrides", "told"),
        [
            pytest.param({"export_id": "no id"}, "SliceReady.export_id: ", id="uuid"),
            pytest.param({"occurred_at": 2**62}, "SliceReady.occurred_at: ", id="an instant past the year 9999"),
            pytest.param({"source": "a\0b"}, "SliceReady.source: holds a NUL character", id="nul"),
        ],
    )
    def test_a_value_that_means_nothing_is_poison(self, overrides: dict[str, Any], told: str) -> None:
        error = refused(CODEC, HEADER + written(raw(SCHEMAS["SliceReady"]), as_text(**overrides)))

        assert error.reason is Reason.INVALID_VALUE
        assert str(error).startswith(told)

    @pytest.mark.parametrize("balance", ["", "1,5", "1e3", "NaN", "Infinity", "٣", "1.", ".5", "--1", "1\n"])
    def test_a_balance_that_is_no_decimal_is_poison(self, balance: str) -> None:
        value = golden("AccountChanged.v1.full").document["value"] | {"balance": balance}
        header = golden("AccountChanged.v1.full").single_object[:10]

        error = refused(CODEC, header + written(SCHEMAS["AccountChanged"], value), AccountChanged)

        assert str(error) == "AccountChanged.balance: is no decimal number in plain notation"

    def test_a_number_of_more_bits_than_its_type_is_poison(self) -> None:
        wide = deepcopy(SCHEMAS["SliceReady"])
        next(each for each in wide["fields"] if each["name"] == "slice")["type"] = "long"

        error = refused(CODEC, HEADER + written(raw(wide), as_text(slice=2**31)))

        assert str(error) == "SliceReady.slice: does not fit into 32 bits"

    def test_a_detail_does_not_repeat_the_bytes(self) -> None:
        secret = b"380441234567"
        value = written(SCHEMAS["SliceReady"], as_text(source=secret.decode())).replace(secret, secret[:-1] + b"\xff")

        error = refused(CODEC, HEADER + value)

        assert "380441" not in str(error)

    @PATIENT
    @given(st.binary(max_size=400))
    @example(b"\xc3\x01")
    @example(b"\x00")
    def test_no_bytes_raise_anything_but_poison(self, data: bytes) -> None:
        for guess in (data, HEADER + data, golden("ExportRequested.v1.full").single_object[:10] + data):
            decoded_or_refused(guess)

    @PATIENT
    @given(st.sampled_from(sorted(SAMPLES)), st.data())
    def test_flipped_bits_raise_nothing_but_poison(self, name: str, data: st.DataObject) -> None:
        flipped = bytearray(golden(name).single_object)
        for at in data.draw(st.lists(st.integers(0, len(flipped) * 8 - 1), min_size=1, max_size=4)):
            flipped[at // 8] ^= 1 << at % 8

        decoded_or_refused(bytes(flipped))

    @PATIENT
    @given(st.sampled_from(sorted(SAMPLES)), st.data())
    def test_a_record_cut_anywhere_is_poison(self, name: str, data: st.DataObject) -> None:
        whole = golden(name).single_object
        length = data.draw(st.integers(0, len(whole) - 1))

        assert refused(CODEC, whole[:length]).reason in (Reason.CORRUPT, Reason.UNKNOWN_FRAMING)


def decoded_or_refused(data: bytes) -> None:
    """Raises whatever is neither. What decodes can be written, too: it is a record like any other."""
    try:
        record = CODEC.decode(data)
    except Unusable:
        return
    assert CODEC.decode(CODEC.encode(record)) == record


class TestWriting:
    @pytest.mark.parametrize(
        ("record", "told"),
        [
            pytest.param(
                replace(SLICE_READY, occurred_at=datetime(2026, 1, 1)),  # noqa: DTZ001
                "SliceReady cannot be written: occurred_at",
                id="naive instant",
            ),
            pytest.param(replace(SLICE_READY, slice=2**31), "slice: does not fit into 32 bits", id="too wide"),
            pytest.param(
                replace(SLICE_READY, account_id=AccountId(2**63)), "SliceReady cannot be written", id="far too wide"
            ),
            pytest.param(replace(SLICE_READY, source="\0"), "source: holds a NUL character", id="nul"),
            pytest.param(replace(SLICE_READY, source="\ud800"), "SliceReady cannot be written", id="half a character"),
            pytest.param(replace(SLICE_READY, source=cast(str, None)), "SliceReady cannot be written", id="null"),
            pytest.param(replace(SLICE_READY, source="x" * LARGEST_BYTES), "it has 262", id="too large"),
        ],
    )
    def test_what_no_reader_would_take_is_not_written(self, record: Record, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            CODEC.encode(record)

    def test_a_bound_finer_than_a_millisecond_is_not_rounded(self) -> None:
        requested = SAMPLES["ExportRequested.v1.least"]
        assert isinstance(requested, ExportRequested)
        finer = replace(requested.filters, time_start_lt=datetime.fromisoformat("2026-03-01T00:00:00.000001+00:00"))

        with pytest.raises(ValueError, match=r"filters: time_start_lt: is finer than a millisecond"):
            CODEC.encode(replace(requested, filters=finer))

    def test_a_dead_letter_holds_the_largest_record_a_topic_takes(self) -> None:
        letter = SAMPLES["DeadLetter.v1.full"]
        assert isinstance(letter, DeadLetter)
        largest = replace(letter, value=bytes(1024 * 1024))

        data = CODEC.encode(largest)

        assert len(data) < LARGEST_LETTER_BYTES
        assert CODEC.decode(data) == largest
