"""What a name in the store says of its object."""

from __future__ import annotations

from uuid import UUID

import pytest

from cdr_exports.domain import object_names
from cdr_exports.domain.identity import ExportId

ID = ExportId(UUID("019a7d3e-0000-7000-8000-0000000000ab"))


def test_each_export_lies_in_one_share_of_the_store() -> None:
    shares = object_names.shares()

    assert [share for share in shares if object_names.folder(ID).startswith(share)] == ["exports/ab/"]
    assert len(set(shares)) == 256


@pytest.mark.parametrize(("name", "number"), [
    (object_names.part(ID, 7, "abc123"), 7), (object_names.part(ID, 123_456, "abc123"), 123_456),
    (object_names.ledger_entry(ID, 7), None), (object_names.manifest(ID), None), (object_names.plan(ID), None),
    (object_names.tombstone(ID), None),
], ids=str)  # fmt: skip
def test_a_part_is_told_from_every_other_object(name: str, number: int | None) -> None:
    assert object_names.slice_of_part(name) == number


@pytest.mark.parametrize("name", [object_names.part(ID, 7, "abc123"), object_names.manifest(ID)], ids=str)
def test_an_object_says_whose_it_is(name: str) -> None:
    assert object_names.export_of(name) == ID


@pytest.mark.parametrize("name", ["", "exports/ab/readme.txt", "exports/ab/x/y"])
def test_a_name_of_somebody_elses_is_nobodys(name: str) -> None:
    assert object_names.export_of(name) is None
