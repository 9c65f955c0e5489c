"""Thrift's compact protocol as far as Parquet's metadata uses it: bytes to a tree and back.

The tree keeps what it does not know, fields of newer versions of a format included, so that a writer that changes one
number changes nothing else. Maps do not occur in Parquet and are refused.
Format: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias


class Type(IntEnum):
    """The code of a type, in the header of a field and of a list."""

    TRUE = 1
    FALSE = 2
    BYTE = 3
    I16 = 4
    I32 = 5
    I64 = 6
    DOUBLE = 7
    BINARY = 8
    LIST = 9
    SET = 10
    STRUCT = 12


Value: TypeAlias = "bool | int | float | bytes | Sequence | Struct | Encoded"


@dataclass(slots=True)
class Sequence:
    """A list or set and the type of its elements."""

    element: Type
    values: list[Value]


@dataclass(slots=True)
class Struct:
    """Fields by their ids, in the order in which they stand."""

    fields: dict[int, tuple[Type, Value]]

    def integer(self, field: int) -> int:
        """Raises ValueError where the field is missing or is none; so do those that follow."""
        match self.fields.get(field):
            case (Type.BYTE | Type.I16 | Type.I32 | Type.I64, int(value)):
                return value
        raise ValueError(f"field {field} is no integer")

    def text(self, field: int) -> str:
        match self.fields.get(field):
            case (_, bytes(value)):
                return value.decode()
        raise ValueError(f"field {field} is no text")

    def struct(self, field: int) -> Struct:
        match self.fields.get(field):
            case (_, Struct() as value):
                return value
        raise ValueError(f"field {field} is no struct")

    def structs(self, field: int) -> list[Struct]:
        """The elements of a list of structs."""
        match self.fields.get(field):
            case (_, Sequence() as value):
                structs = [each for each in value.values if isinstance(each, Struct)]
                if len(structs) == len(value.values):
                    return structs
        raise ValueError(f"field {field} is no list of structs")

    def put(self, field: int, value: Value) -> None:
        """Changes the value of a field that is there; its type stays."""
        self.fields[field] = (self.fields[field][0], value)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Bytes that are a struct already: they stand in for it when a tree is written, and cost no tree."""

    data: bytes


DEEPEST = 32
"""Parquet's own metadata nests a quarter as deep."""


def read(data: bytes) -> Struct:
    """The struct that fills `data` to its last byte. Raises ValueError for anything else."""
    reader = _Reader(data)
    try:
        read = reader.struct(0)
    except IndexError:
        raise ValueError("ends too early") from None
    if reader.at != len(data):
        raise ValueError(f"{len(data) - reader.at} bytes are left over")
    return read


def write(value: Struct) -> bytes:
    out = bytearray()
    _write_struct(out, value)
    return bytes(out)


class _Reader:
    """Methods raise IndexError at the end of the data, ValueError for what is no compact Thrift."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def struct(self, depth: int) -> Struct:
        if depth > DEEPEST:
            raise ValueError("nested too deep")
        fields: dict[int, tuple[Type, Value]] = {}
        field = 0
        while (head := self._byte()) != 0:
            field = field + (head >> 4) if head >> 4 else self._zigzag()
            kind = Type(head & 0x0F)
            fields[field] = (kind, kind is Type.TRUE if kind in _BOOLEANS else self._value(kind, depth))
        return Struct(fields)

    def _value(self, kind: Type, depth: int) -> Value:
        match kind:
            case Type.TRUE | Type.FALSE:  # an element of a list: a byte of its own
                return self._byte() == Type.TRUE
            case Type.BYTE:
                return int.from_bytes(self._bytes(1), "little", signed=True)
            case Type.I16 | Type.I32 | Type.I64:
                return self._zigzag()
            case Type.DOUBLE:
                return float(struct.unpack("<d", self._bytes(8))[0])
            case Type.BINARY:
                return self._bytes(self._varint())
            case Type.LIST | Type.SET:
                return self._sequence(depth)
            case Type.STRUCT:
                return self.struct(depth + 1)

    def _sequence(self, depth: int) -> Sequence:
        if depth > DEEPEST:
            raise ValueError("nested too deep")
        head = self._byte()
        size = self._varint() if head >> 4 == 15 else head >> 4
        element = Type(head & 0x0F)
        return Sequence(element, [self._value(element, depth + 1) for _ in range(size)])

    def _byte(self) -> int:
        byte = self._data[self.at]
        self.at += 1
        return byte

    def _bytes(self, count: int) -> bytes:
        if count > len(self._data) - self.at:
            raise IndexError
        self.at += count
        return self._data[self.at - count : self.at]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError("an integer of more than 64 bits")
        return value | byte << shift

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


_BOOLEANS = frozenset({Type.TRUE, Type.FALSE})


def _write_struct(out: bytearray, value: Struct) -> None:
    before = 0
    for field, (declared, content) in value.fields.items():
        kind = _boolean(content) if declared in _BOOLEANS else declared
        if 0 < field - before < 16:
            out.append((field - before) << 4 | kind)
        else:
            out.append(kind)
            _write_zigzag(out, field)
        if kind not in _BOOLEANS:
            _write_value(out, kind, content)
        before = field
    out.append(0)


def _write_value(out: bytearray, kind: Type, value: Value) -> None:
    match value:
        case bool():
            out.append(_boolean(value))
        case int() if kind is Type.BYTE:
            out += value.to_bytes(1, "little", signed=True)
        case int():
            _write_zigzag(out, value)
        case float():
            out += struct.pack("<d", value)
        case bytes():
            _write_varint(out, len(value))
            out += value
        case Sequence():
            _write_sequence(out, value)
        case Struct():
            _write_struct(out, value)
        case Encoded():
            out += value.data


def _boolean(value: Value) -> Type:
    """In a struct, a field's type is its value."""
    return Type.TRUE if value else Type.FALSE


def _write_sequence(out: bytearray, value: Sequence) -> None:
    size = len(value.values)
    out.append(min(size, 15) << 4 | value.element)
    if size >= 15:
        _write_varint(out, size)
    for each in value.values:
        _write_value(out, value.element, each)


def _write_zigzag(out: bytearray, value: int) -> None:
    _write_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)


def _write_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
