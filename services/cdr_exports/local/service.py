"""Our own services as processes of the stack: `cdr-exports run NAME` with an environment of its own.

A service counts as running when its /readyz says so.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cdr_exports.local.http_probe import probe_http
from cdr_exports.local.server import Say, Server

USUAL_PORTS: Mapping[str, Mapping[str, int]] = {
    "facade": {"http": 8080, "metrics": 9101},
    "projection": {"metrics": 9102},
}
FIRST_PROCESSOR_PORT = 9103
PROCESSOR = "processor-"


class Service(Server):
    """One service; several processes of one service have names that end in a number."""

    hopeless_exit_codes = frozenset({2})  # it is configured wrongly
    death_signal = signal.SIGKILL  # a service may not need its end, and without its servers it would wait for them

    def __init__(self, name: str, home: Path, ports: Mapping[str, int], environment: Mapping[str, str]) -> None:
        super().__init__(name, home, ports)
        self._environment = environment

    @classmethod
    def program(cls) -> Path:
        return Path(sys.executable)

    def prepare(self, say: Say) -> None:
        """Nothing: a service keeps nothing on disk."""

    def command(self) -> Sequence[str]:
        role = self.name.partition("-")[0]
        return [str(self.program()), "-P", "-m", "cdr_exports", "run", role]

    def environment(self) -> Mapping[str, str]:
        return self._environment

    async def probe(self) -> None:
        await probe_http(self.ports["metrics"], "/readyz")


def usual_ports(name: str) -> dict[str, int]:
    """The ports of the service `name`, metrics last."""
    if name.startswith(PROCESSOR):
        return {"metrics": FIRST_PROCESSOR_PORT + int(name.removeprefix(PROCESSOR)) - 1}
    return dict(USUAL_PORTS[name])
