"""Every setting: its name, default, meaning. Read from the environment only when a service is composed.

`CDR_EXPORTS_<NAME>`, or `CDR_EXPORTS_<NAME>_FILE` with the path of a file whose content is the value (for secrets).
A service takes the groups it needs; `load` reports all faults of all groups at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from cdr_exports.domain.columns import COLUMNS
from cdr_exports.domain.errors import Misconfigured

PREFIX = "CDR_EXPORTS_"


class Group(BaseModel):
    """Settings that belong together. A field `kafka_bootstrap` is the setting `KAFKA_BOOTSTRAP`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Group):
    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka brokers, host:port, separated by commas.")
    kafka_security_protocol: str = Field(
        "PLAINTEXT", pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$", description="How to talk to Kafka."
    )
    kafka_security_mechanism: str = Field(
        "SCRAM-SHA-512",
        pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$",
        description="SASL mechanism, where SASL is used.",
    )
    kafka_security_username: str | None = Field(None, description="SASL user.")
    kafka_security_password: SecretStr | None = Field(None, description="SASL password.")
    kafka_security_ca_file: Path | None = Field(None, description="CA certificates for TLS; the system's by default.")
    kafka_replication_factor: int = Field(
        0, ge=0, description="Replicas of the topics that `topics apply` creates; 0 = as deploy/kafka/topics.yaml says."
    )
    schema_registry_url: str | None = Field(
        None, description="Confluent-compatible schema registry; without one records carry Avro fingerprints."
    )


class ClickHouseSettings(Group):
    clickhouse_url: str = Field("http://127.0.0.1:8123", description="ClickHouse over HTTP(S).")
    clickhouse_user: str = Field("default", description="ClickHouse user; needs SELECT on the table only.")
    clickhouse_password: SecretStr = Field(SecretStr(""), description="Its password.")
    clickhouse_table: str = Field(
        "cdrs",
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$",
        description="Table of the CDRs, `table` or `database.table`.",
    )


class PostgresSettings(Group):
    postgres_dsn: SecretStr = Field(
        SecretStr("postgresql://127.0.0.1:5432/cdr_exports"), description="PostgreSQL of the read model, as a URI."
    )
    postgres_pool_size: int = Field(8, ge=1, le=100, description="Connections of one process at most.")


class StoreSettings(Group):
    store_url: str = Field(
        description="Where files lie: file:///absolute/folder, s3://bucket/prefix, gs://…, az://…. Credentials by the "
        "usual environment of each.",
        pattern=r"^(file:///|s3://|gs://|az://|memory:///)",
    )


class TokenSettings(Group):
    jwt_secrets: SecretStr = Field(
        description="Secret of the customers' JWTs, or a JSON object of key id to secret, for rotation; 32 bytes at least."
    )
    token_lifetime_seconds: int | None = Field(
        600, ge=1, description="Lifetime of issued tokens; empty = tokens without exp, and exp is ignored."
    )
    require_token_exp: bool = Field(False, description="Refuse tokens without exp.")

    @field_validator("token_lifetime_seconds", mode="before")
    @classmethod
    def _blank_is_none(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("jwt_secrets")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if short := [kid for kid, secret in secrets_by_kid(value.get_secret_value()).items() if len(secret) < 32]:
            raise ValueError(f"a secret has fewer than 32 bytes: {', '.join(short)}")
        return value

    @property
    def keys(self) -> dict[str, bytes]:
        """Secrets by key id; a single secret has the id `default`."""
        return secrets_by_kid(self.jwt_secrets.get_secret_value())


class HttpSettings(Group):
    http_host: str = Field("127.0.0.1", description="Address to listen on.")
    http_port: int = Field(8080, ge=0, le=65535, description="Port of the customer API.")
    public_url: str | None = Field(None, description="Base of absolute links; the request's own by default.")
    body_limit_bytes: int = Field(65536, ge=1024, description="Largest request body.")
    cors: bool = Field(
        False, description="Answer OPTIONS and let pages of any origin call the API; not their cookies: tokens only."
    )


class ProcessSettings(Group):
    metrics_host: str = Field("127.0.0.1", description="Address of /metrics, /livez and /readyz.")
    metrics_port: int = Field(9100, ge=0, le=65535, description="Port of /metrics, /livez and /readyz.")
    instance: str | None = Field(
        None,
        description="Name of this process among its kind, the same after a restart: it takes its partitions back "
        "at once. Without one Kafka waits out the old session first.",
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe level logged.")
    log_format: str = Field("json", pattern="^(json|console)$", description="JSON lines, or text for people.")
    stop_seconds: float = Field(10.0, gt=0, description="How long running work may take to end after SIGTERM.")


class ExportSettings(Group):
    hide_fields: str = Field("", description="Comma list of CDR columns that no new export may hold.")
    range_limit_days: int = Field(92, ge=1, description="Longest period of one export.")
    pending_limit: int = Field(20, ge=1, description="Exports of one account that may be pending at a time.")
    export_expiry_days: int | None = Field(
        30, ge=1, description="Days after its end at which an export is deleted; empty = never."
    )

    @field_validator("export_expiry_days", mode="before")
    @classmethod
    def _blank_is_never(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("hide_fields")
    @classmethod
    def _known(cls, value: str) -> str:
        return ",".join(name for name in (each.strip() for each in value.split(",")) if name in COLUMNS)

    @property
    def hidden_columns(self) -> frozenset[str]:
        return frozenset(filter(None, self.hide_fields.split(",")))


class WorkerSettings(Group):
    slice_rows: int = Field(200_000, ge=1, description="CDRs that a slice should hold.")
    slots: int = Field(3, ge=1, le=64, description="Slices that one worker makes at a time.")
    lanes: int = Field(4, ge=1, le=64, description="Slices of one export that are made at a time, over all workers.")
    slice_attempts: int = Field(5, ge=1, description="Attempts at a slice that fails for its own reasons.")
    slice_deadline_seconds: float = Field(600.0, gt=0, description="Longest run of one slice's query.")
    export_deadline_seconds: float = Field(
        86_400.0,
        gt=0,
        description="An export that has not ended after this fails, where its request names no deadline.",
    )


class LocalSettings(Group):
    local_dir: Path = Field(Path(".local"), description="Folder of the local stack: data, logs, secrets.")


GROUPS: tuple[type[Group], ...] = (
    KafkaSettings, ClickHouseSettings, PostgresSettings, StoreSettings, TokenSettings, HttpSettings, ProcessSettings,
    ExportSettings, WorkerSettings, LocalSettings,
)  # fmt: skip
"""In the order of the documentation."""

G = TypeVar("G", bound=Group)


class Setting(NamedTuple):
    """One setting as it stands, for `doctor` and the documentation. `value` is masked where it is secret."""

    name: str
    value: str
    source: str
    meaning: str


def load(group: type[G], environment: Mapping[str, str] | None = None) -> G:
    """One group from the environment. Raises Misconfigured with every fault of it."""
    environment = os.environ if environment is None else environment
    values, faults = _read(group, environment)
    try:
        loaded = group(**values)
    except ValidationError as error:
        faults += [_fault(each) for each in error.errors(include_input=False, include_url=False)]
        raise Misconfigured(faults) from None  # the cause would print the secret
    if faults:
        raise Misconfigured(faults)
    return loaded


def load_all(*groups: type[Group], environment: Mapping[str, str] | None = None) -> list[Any]:
    """Several groups, in order. Raises Misconfigured with the faults of all of them at once."""
    loaded, faults = [], []
    for group in groups:
        try:
            loaded.append(load(group, environment))
        except Misconfigured as error:
            faults += error.faults
    if faults:
        raise Misconfigured(faults)
    return loaded


def describe(environment: Mapping[str, str] | None = None) -> Iterator[Setting]:
    """Every setting with its present value, where that comes from, and what it means."""
    environment = os.environ if environment is None else environment
    for group in GROUPS:
        values, _ = _read(group, environment)
        for name, field in group.model_fields.items():
            key = PREFIX + name.upper()
            source = next((each for each in (key, key + "_FILE") if each in environment), "default")
            default = "required" if field.is_required() else str(field.default)
            value = str(values[name]) if name in values else default
            masked = (
                "********" if "SecretStr" in str(field.annotation) and value not in ("", "None", "required") else value
            )
            yield Setting(key, masked, source, field.description or "")


def secrets_by_kid(text: str) -> dict[str, bytes]:
    """`text` is one secret, or a JSON object of key id to secret. Raises ValueError."""
    if not text.startswith("{"):
        return {"default": text.encode()}
    parsed = json.loads(text)
    if not parsed or not all(isinstance(secret, str) for secret in parsed.values()):
        raise ValueError("must be a secret, or a JSON object of key id to secret")
    return {kid: secret.encode() for kid, secret in parsed.items()}


def _read(group: type[Group], environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    faults: list[str] = []
    for name in group.model_fields:
        key = PREFIX + name.upper()
        if key in environment:
            values[name] = environment[key]
        elif file := environment.get(key + "_FILE"):
            try:
                values[name] = Path(file).read_text().strip()
            except OSError as error:
                faults.append(f"{key}_FILE: cannot read {file}: {error.strerror}")
    return values, faults


def _fault(error: Any) -> str:
    name = PREFIX + str(error["loc"][0]).upper()
    if error["type"] == "missing":
        return f"{name} is required ({name}_FILE serves too)"
    return f"{name}: {error['msg']}"
