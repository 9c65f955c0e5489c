"""Ports: the wanted one where it is free, the next one where it is not."""

from __future__ import annotations

import socket

import pytest

from cdr_exports.local.ports import Ports, is_free

BEGIN = 29_500


@pytest.fixture
def free() -> int:
    """A port that is free, and the next one, too."""
    return next(port for port in range(BEGIN, 32_000) if is_free(port) and is_free(port + 1))


def test_a_free_port_is_taken_as_wanted(free: int) -> None:
    with Ports() as ports:
        assert ports.take({"http": free}) == {"http": free}


def test_a_port_where_somebody_listens_moves_to_the_next(free: int) -> None:
    with socket.create_server(("127.0.0.1", free)), Ports() as ports:
        assert ports.take({"http": free}) == {"http": free + 1}


def test_one_stack_does_not_take_a_port_twice(free: int) -> None:
    with Ports() as ports:
        taken = ports.take({"http": free, "metrics": free})

    assert taken == {"http": free, "metrics": free + 1}


def test_two_stacks_do_not_choose_the_same_port_though_nobody_listens_yet(free: int) -> None:
    with Ports() as ours, Ports() as theirs:
        assert ours.take({"http": free}) == {"http": free}
        assert theirs.take({"http": free}) == {"http": free + 1}


def test_a_stack_that_has_ended_gives_its_ports_back(free: int) -> None:
    with Ports() as ports:
        ports.take({"http": free})

    with Ports() as ports:
        assert ports.take({"http": free}) == {"http": free}
