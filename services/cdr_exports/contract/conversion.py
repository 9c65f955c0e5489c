"""Between the program's records and plain Avro values: dicts, lists, integers, text.

Derived from a dataclass and its schema, once, when a codec is made; a field that one of the two lacks is found then.
Conversion is exact or refused: a naive instant, a fraction of a millisecond where milliseconds are kept, a number of
more than 32 bits where 32 are kept, a NUL (PostgreSQL's text cannot hold one) raise ValueError with the field's name,
on the way out as on the way in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, NamedTuple, NewType, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from cdr_exports.domain.filters import INT32, from_micros, micros

_DECIMAL = re.compile(r"-?[0-9]{1,60}(\.[0-9]{1,40})?", re.ASCII)
Step = Callable[[Any], Any]
Named = dict[str, dict[str, Any]]
Steps = tuple[tuple[str, Step], ...]


class Conversion(NamedTuple):
    """Both ways of one type; None where the value stays as it is."""

    to_avro: Step | None
    from_avro: Step | None


class Mismatch(Exception):
    """A dataclass and its schema do not describe the same record."""


def record_conversion(record: type, schema: Any, named: Named | None = None) -> tuple[Step, Step]:
    """From the dataclass `record` to a dict of `schema`, and back. Raises Mismatch.

    `named` are the named types met so far, which a schema spells out only once.
    """
    named = {} if named is None else named
    if _kind(schema) != "record":
        raise Mismatch(f"{record.__name__} is a record, the schema says {_kind(schema)}")
    hints = get_type_hints(record)
    names = tuple(field.name for field in fields(record))
    types = {field["name"]: field["type"] for field in schema["fields"]}
    if set(names) != set(types):
        raise Mismatch(f"{record.__name__}: only one of dataclass and schema has {sorted(set(names) ^ set(types))}")
    # In the schema's order: a named type is spelled out where it is first used.
    writes, reads = _steps([(name, _conversion(hints[name], types[name], named)) for name in types])

    def to_avro(value: Any) -> dict[str, Any]:
        return _converted({name: getattr(value, name) for name in names}, writes)

    def from_avro(values: dict[str, Any]) -> Any:
        return record(**_converted(dict(values), reads))

    return to_avro, from_avro


def _conversion(hint: Any, schema: Any, named: Named) -> Conversion:
    """How values of the Python type `hint` are written as `schema`, and read."""
    if isinstance(schema, str) and schema.rpartition(".")[2] in named:
        schema = named[schema.rpartition(".")[2]]
    if isinstance(schema, dict) and schema["type"] in ("record", "enum"):
        named[schema["name"]] = schema
    if isinstance(hint, NewType):
        hint = hint.__supertype__
    if isinstance(schema, list):
        return _optional(hint, schema, named)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), schema, named)
    if isinstance(hint, type) and is_dataclass(hint):
        return Conversion(*record_conversion(hint, schema, named))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint, schema)
    kind = _kind(schema)
    try:
        return _PLAIN[hint, kind]
    except (KeyError, TypeError):
        raise Mismatch(f"no conversion between {hint} and {kind}") from None


def _kind(schema: Any) -> str:
    """The type of a schema with what narrows it: `long`, `long timestamp-micros`, `string decimal`."""
    if not isinstance(schema, dict):
        return str(schema)
    narrower = schema.get("logicalType") or schema.get("format")
    return f"{schema['type']} {narrower}" if narrower else str(schema["type"])


def _optional(hint: Any, schema: list[Any], named: Named) -> Conversion:
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else ()
    inner = [each for each in members if each is not NoneType]
    if len(inner) != 1 or len(inner) == len(members) or len(schema) != 2 or schema[0] != "null":
        raise Mismatch(f"{hint} is not what the union {schema} says")
    steps = _conversion(inner[0], schema[1], named)
    return Conversion(*(step and _unless_none(step) for step in steps))


def _unless_none(step: Step) -> Step:
    return lambda value: None if value is None else step(value)


def _tuple(members: tuple[Any, ...], schema: Any, named: Named) -> Conversion:
    """`tuple[X, ...]` is an array; `tuple[X, Y]` is a record, its fields by position."""
    if len(members) == 2 and members[1] is Ellipsis and _kind(schema) == "array":
        write, read = _conversion(members[0], schema["items"], named)
        return Conversion(
            (lambda values: [write(each) for each in values]) if write else list,
            (lambda values: tuple([read(each) for each in values])) if read else tuple,
        )
    if _kind(schema) != "record" or len(schema["fields"]) != len(members):
        raise Mismatch(f"tuple of {members} is not what {schema} says")
    names = [field["name"] for field in schema["fields"]]
    pairs = list(zip(members, schema["fields"], strict=True))
    writes, reads = _steps([(field["name"], _conversion(hint, field["type"], named)) for hint, field in pairs])
    return Conversion(
        lambda values: _converted(dict(zip(names, values, strict=True)), writes),
        lambda values: tuple(_converted(values, reads)[name] for name in names),
    )


def _enum(hint: type[Enum], schema: Any) -> Conversion:
    if _kind(schema) != "enum" or set(schema["symbols"]) != {member.value for member in hint}:
        raise Mismatch(f"{hint.__name__} has not the symbols of {schema}")
    return Conversion(lambda member: hint(member).value, hint)


def _steps(conversions: list[tuple[str, Conversion]]) -> tuple[Steps, Steps]:
    """The fields that do not stay as they are, for each way."""
    writes = tuple((name, each.to_avro) for name, each in conversions if each.to_avro)
    return writes, tuple((name, each.from_avro) for name, each in conversions if each.from_avro)


def _converted(values: dict[str, Any], steps: Steps) -> dict[str, Any]:
    """`values` itself, changed."""
    for name, step in steps:
        try:
            values[name] = step(values[name])
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            raise ValueError(f"{name}: {error}") from error
    return values


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("holds a NUL character")
    return value


def _int32(value: int) -> int:
    if value not in INT32:
        raise ValueError("does not fit into 32 bits")
    return value


def _decimal_text(value: str) -> str:
    if not _DECIMAL.fullmatch(value):
        raise ValueError("is no decimal number in plain notation")
    return value


def _millis(instant: datetime) -> int:
    whole, fraction = divmod(micros(instant), 1000)
    if fraction:
        raise ValueError("is finer than a millisecond")
    return whole


_PLAIN: dict[tuple[Any, str], Conversion] = {
    (int, "long"): Conversion(None, None),
    (int, "int"): Conversion(_int32, _int32),
    (bool, "boolean"): Conversion(None, None),
    (bytes, "bytes"): Conversion(None, None),
    (str, "string"): Conversion(_text, _text),
    (str, "string decimal"): Conversion(_decimal_text, _decimal_text),
    (str, "string uuid"): Conversion(lambda text: str(UUID(text)), lambda text: str(UUID(text))),
    (UUID, "string uuid"): Conversion(str, UUID),
    (Decimal, "string decimal"): Conversion(
        lambda number: _decimal_text(format(number, "f")), lambda text: Decimal(_decimal_text(text))
    ),
    (datetime, "long timestamp-micros"): Conversion(micros, from_micros),
    (datetime, "long timestamp-millis"): Conversion(_millis, lambda count: from_micros(count * 1000)),
}
