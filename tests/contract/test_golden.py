"""The golden bytes: what was published decodes for ever, and what we write today is what was published."""

from __future__ import annotations

import pytest

from cdr_exports.contract.codec import Codec
from cdr_exports.contract.schema_files import load_schema_files
from tests.contract.golden import OneSchema, document_of, fingerprints, golden, golden_names
from tests.contract.records import SAMPLES

CODEC = Codec.load()
NEWEST = {f"{file.record}.v{file.version}" for file in {each.record: each for each in load_schema_files()}.values()}
NAMES = golden_names()
WRITTEN_TODAY = [name for name in NAMES if name.rpartition(".")[0] in NEWEST]


def test_every_version_of_every_record_has_golden_bytes() -> None:
    versions = {f"{file.record}.v{file.version}" for file in load_schema_files()}

    assert {name.rpartition(".")[0] for name in NAMES} == versions


def test_every_sample_is_golden() -> None:
    assert sorted(SAMPLES) == NAMES


def test_every_version_has_its_fingerprint_in_the_list() -> None:
    found = {name.rpartition(".")[0]: golden(name).single_object[2:10].hex() for name in NAMES}

    assert fingerprints() == found


@pytest.mark.parametrize("name", NAMES)
def test_golden_bytes_decode_to_the_record_they_were_made_of(name: str) -> None:
    assert CODEC.decode(golden(name).single_object) == SAMPLES[name]


@pytest.mark.parametrize("name", NAMES)
def test_golden_bytes_in_confluent_framing_decode_with_the_registry(name: str) -> None:
    registered = Codec.load(OneSchema(golden(name).definition))

    assert registered.decode(golden(name).confluent) == SAMPLES[name]


@pytest.mark.parametrize("name", WRITTEN_TODAY)
def test_a_record_is_written_as_its_golden_bytes(name: str) -> None:
    assert CODEC.encode(SAMPLES[name]) == golden(name).single_object


@pytest.mark.parametrize("name", WRITTEN_TODAY)
def test_a_record_is_written_as_its_golden_bytes_with_a_registry(name: str) -> None:
    registered = Codec.load(OneSchema(golden(name).definition))

    assert registered.encode(SAMPLES[name]) == golden(name).confluent


@pytest.mark.parametrize("name", WRITTEN_TODAY)
def test_golden_json_says_what_the_bytes_hold(name: str) -> None:
    assert document_of(SAMPLES[name], golden(name).definition) == golden(name).document


@pytest.mark.parametrize("name", NAMES)
def test_the_framings_differ_in_their_headers_only(name: str) -> None:
    assert golden(name).single_object[10:] == golden(name).confluent[5:]
