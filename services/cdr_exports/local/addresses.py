"""Where everything of a running stack is, and how the services are told: by environment, secrets by file.

The names are those of the settings; `local status --json` says the same to scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

PREFIX = "CDR_EXPORTS_"
API_PATH = "/api/rest/customer/v1"
CONSOLE_PATH = "/console"
TABLE = "cdrs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Of one run; they do not change while it lasts. `service_ports` is empty where a stack has servers only."""

    kafka: str
    clickhouse: str
    clickhouse_user: str
    clickhouse_password_file: Path
    postgres_dsn_file: Path
    store: str
    jwt_secret_file: Path
    service_ports: Mapping[str, Mapping[str, int]]

    def environment(self) -> dict[str, str]:
        """What every service is told, and whoever else wants to use the stack."""
        told = {
            "KAFKA_BOOTSTRAP": self.kafka,
            "KAFKA_REPLICATION_FACTOR": "1",
            "CLICKHOUSE_URL": self.clickhouse,
            "CLICKHOUSE_USER": self.clickhouse_user,
            "CLICKHOUSE_PASSWORD_FILE": str(self.clickhouse_password_file),
            "CLICKHOUSE_TABLE": TABLE,
            "POSTGRES_DSN_FILE": str(self.postgres_dsn_file),
            "STORE_URL": self.store,
            "JWT_SECRETS_FILE": str(self.jwt_secret_file),
        }
        return {PREFIX + name: value for name, value in told.items()}

    def service_environment(self, name: str, surroundings: Mapping[str, str]) -> dict[str, str]:
        """All of the environment of the service `name`: what it is told, over what surrounds the stack."""
        ports = self.service_ports[name]
        own = {
            "METRICS_HOST": "127.0.0.1",
            "METRICS_PORT": str(ports["metrics"]),
            "LOG_FORMAT": "json",
            "INSTANCE": name,
        }
        if "http" in ports:
            own |= {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(ports["http"])}
        return over(surroundings, self.environment() | {PREFIX + key: value for key, value in own.items()})

    def document(self) -> dict[str, Any]:
        """The addresses as `local status --json` shows them, passwords included."""
        password = quote(self.clickhouse_password_file.read_text(), safe="")
        clickhouse = self.clickhouse.replace("http://", f"http://{self.clickhouse_user}:{password}@")
        servers = {
            "kafka": self.kafka,
            "clickhouse": clickhouse,
            "postgres": self.postgres_dsn_file.read_text(),
            "store": self.store,
            "jwt_secret_file": str(self.jwt_secret_file),
        }
        metrics = {name: _url(ports["metrics"]) + "/metrics" for name, ports in self.service_ports.items()}
        if "facade" not in self.service_ports:
            return servers | {"metrics": metrics}
        facade = _url(self.service_ports["facade"]["http"])
        urls = {"facade": facade, "api": facade + API_PATH, "console": facade + CONSOLE_PATH}
        return urls | servers | {"metrics": {"ingress": metrics["facade"], **metrics}}  # the facade mounts ingress


def over(surroundings: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """`told` over `surroundings`: a setting that is told by file must not also stand in the environment, nor the other
    way round.
    """
    twins = {name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE" for name in told}
    return {name: value for name, value in surroundings.items() if name not in twins} | dict(told)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
