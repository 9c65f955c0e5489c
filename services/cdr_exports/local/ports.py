"""Which ports a stack gets: the wanted ones, or the next that are free.

Between choosing a port and listening on it a second passes, in which another stack of this machine might choose the
same one. So a chosen port is also held by the name of an abstract Unix socket: such names are as wide as ports are
(one network namespace), belong to one process at a time, and end with it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Self

from cdr_exports.local.server import Unavailable

LOOPBACK = "127.0.0.1"


class Ports:
    """The ports of one stack, held as long as the context lasts."""

    def __init__(self) -> None:
        self._holds: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for hold in self._holds:
            hold.close()

    def take(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """A port for each name: the wanted one or the next free above. Raises Unavailable."""
        return {name: self._take_one(port) for name, port in wanted.items()}

    def _take_one(self, wanted: int) -> int:
        for port in range(wanted, 1 << 16):
            hold = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                hold.bind(f"\0cdr-exports-port-{port}")
            except OSError:
                hold.close()
                continue
            if is_free(port):
                self._holds.append(hold)
                return port
            hold.close()
        raise Unavailable(f"no port from {wanted} upwards is free")


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
