from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from cdr_exports.contract.conversion import Mismatch, record_conversion


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Point:
    x: int


@dataclass(frozen=True, kw_only=True)
class Shape:
    colour: Colour
    corners: tuple[Point, ...]
    centre: Point | None
    names: tuple[tuple[str, bytes | None], ...]
    shade: Colour | None = None


COLOUR = {"type": "enum", "name": "Colour", "symbols": ["red", "blue"]}
POINT = {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]}
NAME = {
    "type": "record",
    "name": "Name",
    "fields": [{"name": "text", "type": "string"}, {"name": "mark", "type": ["null", "bytes"]}],
}


def shape(**types: Any) -> dict[str, Any]:
    fields = {
        "colour": COLOUR,
        "corners": {"type": "array", "items": POINT},
        "centre": ["null", "Point"],
        "names": {"type": "array", "items": NAME},
        "shade": ["null", "Colour"],
    } | types
    return {
        "type": "record",
        "name": "Shape",
        "fields": [{"name": name, "type": type_} for name, type_ in fields.items() if type_],
    }


def test_nested_records_enums_and_tuples_go_there_and_back() -> None:
    value = Shape(
        colour=Colour.RED, corners=(Point(x=1), Point(x=2)), centre=Point(x=3), names=(("a", None), ("b", b"c"))
    )
    to_avro, from_avro = record_conversion(Shape, shape())

    plain = to_avro(value)

    assert plain == {
        "colour": "red",
        "corners": [{"x": 1}, {"x": 2}],
        "centre": {"x": 3},
        "names": [{"text": "a", "mark": None}, {"text": "b", "mark": b"c"}],
        "shade": None,
    }
    assert from_avro(plain) == value


def test_values_that_are_read_are_left_as_they_are() -> None:
    to_avro, from_avro = record_conversion(Shape, shape())
    plain = to_avro(Shape(colour=Colour.BLUE, corners=(), centre=Point(x=1), names=()))
    before = repr(plain)

    from_avro(plain)

    assert repr(plain) == before


def test_a_fault_names_the_field_within_the_field() -> None:
    to_avro, _ = record_conversion(Shape, shape())

    with pytest.raises(ValueError, match="centre: x: does not fit into 32 bits"):
        to_avro(Shape(colour=Colour.BLUE, corners=(), centre=Point(x=2**40), names=()))


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        pytest.param(shape(shade=None), "only one of dataclass and schema has", id="a field too few"),
        pytest.param(shape(size="int"), "only one of dataclass and schema has", id="a field too many"),
        pytest.param(shape(colour=COLOUR | {"symbols": ["red"]}), "Colour has not the symbols", id="symbols"),
        pytest.param(shape(centre="Point"), "no conversion|is not what", id="optional here, required there"),
        pytest.param(shape(centre=["Point", "null"]), "is not what the union", id="null last"),
        pytest.param(shape(colour="string"), "Colour has not the symbols", id="text for an enum"),
        pytest.param(shape(corners={"type": "array", "items": "int"}), "Point is a record", id="a number for a record"),
        pytest.param(shape(names={"type": "array", "items": POINT}), "is not what", id="a pair of other length"),
        pytest.param("string", "Shape is a record", id="no record at all"),
    ],
)
def test_a_schema_of_something_else_is_found(schema: Any, fault: str) -> None:
    with pytest.raises(Mismatch, match=fault):
        record_conversion(Shape, schema)
