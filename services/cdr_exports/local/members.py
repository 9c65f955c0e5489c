"""Who belongs to a stack: each process with its ports, its secrets, and what it is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cdr_exports.local import clickhouse_server, kafka_server, postgres_server, s3_server
from cdr_exports.local.addresses import Addresses
from cdr_exports.local.clickhouse_server import ClickHouseServer
from cdr_exports.local.folder import Folder
from cdr_exports.local.kafka_server import KafkaServer
from cdr_exports.local.ports import Ports
from cdr_exports.local.postgres_server import PostgresServer
from cdr_exports.local.s3_server import S3Server
from cdr_exports.local.server import Server
from cdr_exports.local.service import PROCESSOR, Service, usual_ports

KAFKA, POSTGRES, CLICKHOUSE, S3 = "kafka", "postgres", "clickhouse", "s3"
_SERVER_PORTS = {
    KAFKA: kafka_server.USUAL_PORTS,
    POSTGRES: postgres_server.USUAL_PORTS,
    CLICKHOUSE: clickhouse_server.USUAL_PORTS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a stack shall be."""

    services: tuple[str, ...] = ()
    facade_port: int | None = None
    """None = that of last time, else the usual one."""
    port_offset: int = 0
    """Added to each usual port."""
    faults_allowed: bool = False
    """ClickHouse lets tests plant faults in its answers."""
    s3: bool = False
    """An S3 server is among the servers, and files lie there instead of in the stack's folder."""


def service_names(processors: int) -> tuple[str, ...]:
    """All services of a whole stack, with so many processors."""
    return ("facade", "projection", *(f"{PROCESSOR}{number}" for number in range(1, processors + 1)))


def programs_by_home(folder: Folder) -> dict[Path, Path]:
    """Which program works in which folder, of all processes that ever belonged to this stack. Raises Unavailable."""
    programs = {KAFKA: KafkaServer.program(), POSTGRES: PostgresServer.program()}
    homes = [entry for entry in folder.path.iterdir() if entry.is_dir()]
    if folder.home(S3) in homes:
        programs[S3] = S3Server.program()
    return {home: programs.get(home.name, Path(sys.executable)) for home in homes}


class Members:
    """The processes of one run. Makes the secrets that are missing, takes the ports."""

    def __init__(self, folder: Folder, wishes: Wishes, ports: Ports) -> None:
        self._folder = folder
        wanted = _wanted_ports(wishes, folder.last_ports())
        self._ports = {name: ports.take(each) for name, each in wanted.items()}
        folder.remember_ports(folder.last_ports() | self._ports)
        self.kafka = KafkaServer(KAFKA, folder.home(KAFKA), self._ports[KAFKA])
        self.postgres = PostgresServer(
            POSTGRES, folder.home(POSTGRES), self._ports[POSTGRES], folder.secret("postgres-password").read_text()
        )
        self.clickhouse = ClickHouseServer(
            CLICKHOUSE,
            folder.home(CLICKHOUSE),
            self._ports[CLICKHOUSE],
            folder.secret("clickhouse-password").read_text(),
            faults_allowed=wishes.faults_allowed,
        )
        self.s3: S3Server | None = None
        if wishes.s3:
            self.s3 = S3Server(S3, folder.home(S3), self._ports[S3], folder.secret("s3-password").read_text())
        self.addresses = self._addresses(wishes)

    def servers(self) -> Sequence[Server]:
        always: list[Server] = [self.kafka, self.postgres, self.clickhouse]
        return always if self.s3 is None else [*always, self.s3]

    def services(self) -> Sequence[Server]:
        surroundings = os.environ if self.s3 is None else {**os.environ, **self.s3.access()}
        return [
            Service(name, self._folder.home(name), ports, self.addresses.service_environment(name, surroundings))
            for name, ports in self.addresses.service_ports.items()
        ]

    def _addresses(self, wishes: Wishes) -> Addresses:
        dsn_file = self._folder.path / "secrets" / "postgres-dsn"
        return Addresses(
            kafka=self.kafka.bootstrap,
            clickhouse=self.clickhouse.url,
            clickhouse_user=clickhouse_server.USER,
            clickhouse_password_file=self._folder.secret("clickhouse-password"),
            postgres_dsn_file=self._folder.write(dsn_file, self.postgres.dsn),
            store=self._folder.store.as_uri() if self.s3 is None else self.s3.store_url,
            jwt_secret_file=self._folder.secret("jwt-secret"),
            service_ports={name: self._ports[name] for name in wishes.services},
        )


def _wanted_ports(wishes: Wishes, last: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Those of last time, for clients may remember them; at first the usual ones."""
    usual = _SERVER_PORTS | {name: usual_ports(name) for name in wishes.services}
    if wishes.s3:
        usual[S3] = s3_server.USUAL_PORTS
    wanted = {
        name: {port: number + wishes.port_offset for port, number in ports.items()} | last.get(name, {})
        for name, ports in usual.items()
    }
    if wishes.facade_port is not None and "facade" in wanted:
        wanted["facade"]["http"] = wishes.facade_port
    return wanted
