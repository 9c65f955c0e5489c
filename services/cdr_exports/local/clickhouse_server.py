"""The ClickHouse engine behind its HTTP protocol, as a process of the stack. 0.5 s to ready and 300 MB."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cdr_exports.local.http_probe import probe_http
from cdr_exports.local.server import Say, Server

USUAL_PORTS = {"http": 18123}
USER = "cdr_exports"


class ClickHouseServer(Server):
    """See engine_server. `faults_allowed` lets tests plant faults in its answers."""

    def __init__(
        self, name: str, home: Path, ports: Mapping[str, int], password: str, *, faults_allowed: bool = False
    ) -> None:
        super().__init__(name, home, ports)
        self._password = password
        self._faults_allowed = faults_allowed

    @classmethod
    def program(cls) -> Path:
        return Path(sys.executable)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    def prepare(self, say: Say) -> None:
        """The engine makes its folder itself."""

    def command(self) -> Sequence[str]:
        module = ("-P", "-m", "cdr_exports.local.engine_server")
        return [str(self.program()), *module, str(self.home / "data"), str(self.ports["http"])]

    def environment(self) -> Mapping[str, str]:
        return os.environ | {
            "CDR_EXPORTS_ENGINE_USER": USER,
            "CDR_EXPORTS_ENGINE_PASSWORD": self._password,
            "CDR_EXPORTS_ENGINE_FAULTS": "1" if self._faults_allowed else "0",
        }

    async def probe(self) -> None:
        credentials = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": self._password}
        await probe_http(self.ports["http"], "/?query=SELECT+1", credentials)
