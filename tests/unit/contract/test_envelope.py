from __future__ import annotations

from dataclasses import replace

import pytest

from cdr_exports.contract.envelope import headers_of
from tests.contract.records import EVENT, EXPORT, SAMPLES

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_headers_are_cloudevents() -> None:
    headers = headers_of(SAMPLES["ExportStarted.v1.full"])

    assert headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(EVENT).encode()),
        ("ce_type", b"cdr_exports.v1.ExportStarted"),
        ("ce_source", b"processor"),
        ("ce_time", b"2026-03-01T12:30:45.123456Z"),
        ("ce_subject", str(EXPORT).encode()),
        ("content-type", b"application/avro"),
    ]


def test_a_trace_is_handed_on() -> None:
    assert ("traceparent", TRACE.encode()) in headers_of(SAMPLES["ExportStarted.v1.full"], TRACE)


@pytest.mark.parametrize(
    ("sample", "subject"),
    [
        ("SliceReady.v1.full", f"{EXPORT}:1"),
        ("AccountChanged.v1.full", "71"),
        ("DeadLetter.v1.full", "cdr-exports.requests.v1/23/1099511627776"),
        ("DeadLetter.v1.least", "cdr-exports.requests.v1/0/0"),
    ],
)
def test_the_subject_is_what_the_record_is_about(sample: str, subject: str) -> None:
    assert dict(headers_of(SAMPLES[sample]))["ce_subject"] == subject.encode()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("upstream:billing", b"upstream:billing"),
        ("billing – Köln", b"billing%20%E2%80%93%20K%C3%B6ln"),
        ("", b"unknown"),
    ],
)
def test_the_source_is_a_uri_reference(source: str, told: bytes) -> None:
    record = replace(SAMPLES["ExportStarted.v1.full"], source=source)

    assert dict(headers_of(record))["ce_source"] == told
