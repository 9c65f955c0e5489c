"""Trees survive being written and read; nothing but a tree is read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdr_exports.processor import thrift_compact
from cdr_exports.processor.thrift_compact import Encoded, Sequence, Struct, Type, Value

INTEGERS = {Type.BYTE: 7, Type.I16: 15, Type.I32: 31, Type.I64: 63}
LEAVES: dict[Type, st.SearchStrategy[Value]] = {
    Type.TRUE: st.booleans(),
    Type.DOUBLE: st.floats(allow_nan=False),
    Type.BINARY: st.binary(max_size=200),
    **{kind: st.integers(-(2**bits), 2**bits - 1) for kind, bits in INTEGERS.items()},
}


def structs(values: st.SearchStrategy[tuple[Type, Value]]) -> st.SearchStrategy[Struct]:
    fields = st.dictionaries(st.integers(1, 200), values, max_size=20)
    return fields.map(lambda found: Struct(dict(sorted(found.items()))))


def nested(inner: st.SearchStrategy[tuple[Type, Value]]) -> st.SearchStrategy[tuple[Type, Value]]:
    lists = st.sampled_from(list(LEAVES)).flatmap(
        lambda kind: st.lists(LEAVES[kind], max_size=40).map(lambda values: Sequence(kind, values))
    )
    struct_lists = st.lists(structs(inner), max_size=4).map(lambda values: Sequence(Type.STRUCT, list(values)))
    return (
        st.tuples(st.sampled_from([Type.LIST, Type.SET]), lists | struct_lists)
        | st.tuples(st.just(Type.STRUCT), structs(inner))
        | inner
    )


def leaf(kind: Type) -> st.SearchStrategy[tuple[Type, Value]]:
    def typed(value: Value) -> tuple[Type, Value]:
        return (Type.TRUE if value else Type.FALSE) if kind is Type.TRUE else kind, value

    return LEAVES[kind].map(typed)


TREES = structs(st.recursive(st.one_of(*map(leaf, LEAVES)), nested, max_leaves=30))


@given(TREES)
def test_a_tree_survives(tree: Struct) -> None:
    assert thrift_compact.read(thrift_compact.write(tree)) == tree


@given(TREES)
def test_a_tree_that_is_cut_or_has_bytes_left_over_is_refused(tree: Struct) -> None:
    data = thrift_compact.write(tree)

    for broken in (data[:-1], data[: len(data) // 2], data + b"\0", b""):
        with pytest.raises(ValueError, match=r"."):
            thrift_compact.read(broken)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_tree_or_a_value_error(data: bytes) -> None:
    try:
        tree = thrift_compact.read(data)
    except ValueError:
        return
    assert isinstance(tree, Struct)


def test_the_bytes_are_those_of_the_specification() -> None:
    tree = Struct({
        1: (Type.I32, -1), 2: (Type.TRUE, True), 20: (Type.BINARY, b"ab"), 21: (Type.LIST, Sequence(Type.I16, [1, 300])),
    })  # fmt: skip

    assert thrift_compact.write(tree) == bytes.fromhex("1501 11 08 28 02 6162 19 24 02 d804 00".replace(" ", ""))


def test_what_is_encoded_already_stands_for_its_tree() -> None:
    inner = Struct({1: (Type.DOUBLE, math.pi)})

    outer = Struct({3: (Type.LIST, Sequence(Type.STRUCT, [Encoded(thrift_compact.write(inner)), inner]))})

    assert thrift_compact.read(thrift_compact.write(outer)).structs(3) == [inner, inner]


def test_a_field_of_another_type_is_told() -> None:
    tree = Struct({1: (Type.BINARY, b"x"), 2: (Type.LIST, Sequence(Type.I32, [1])), 3: (Type.TRUE, True)})

    for asked in (tree.integer, tree.struct, tree.structs):
        for field in (1, 2, 3, 4):
            with pytest.raises(ValueError, match=f"field {field} is no"):
                asked(field)


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(ValueError, match="too deep"):
        thrift_compact.read(b"\x1c" * 10_000)
