"""What scripts and services are told of a stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdr_exports.local.addresses import Addresses, over
from cdr_exports.runtime.settings import (
    ClickHouseSettings,
    HttpSettings,
    KafkaSettings,
    PostgresSettings,
    ProcessSettings,
    StoreSettings,
    TokenSettings,
    load_all,
)

DSN = "postgresql://u:p@127.0.0.1:15432/postgres"
SERVICE_PORTS = {
    "facade": {"http": 8080, "metrics": 9101},
    "projection": {"metrics": 9102},
    "processor-1": {"metrics": 9103},
}


@pytest.fixture
def addresses(tmp_path: Path) -> Addresses:
    secrets = {"clickhouse": "pass/word", "dsn": DSN, "jwt": "s" * 40}
    for name, content in secrets.items():
        (tmp_path / name).write_text(content)
    return Addresses(
        kafka="127.0.0.1:19092",
        clickhouse="http://127.0.0.1:18123",
        clickhouse_user="u",
        clickhouse_password_file=tmp_path / "clickhouse",
        postgres_dsn_file=tmp_path / "dsn",
        store="file:///somewhere/store",
        jwt_secret_file=tmp_path / "jwt",
        service_ports=SERVICE_PORTS,
    )


def test_the_document_has_the_shape_that_scripts_rely_on(addresses: Addresses, tmp_path: Path) -> None:
    assert addresses.document() == {
        "facade": "http://127.0.0.1:8080",
        "api": "http://127.0.0.1:8080/api/rest/customer/v1",
        "console": "http://127.0.0.1:8080/console",
        "kafka": "127.0.0.1:19092",
        "clickhouse": "http://u:pass%2Fword@127.0.0.1:18123",
        "postgres": DSN,
        "store": "file:///somewhere/store",
        "jwt_secret_file": str(tmp_path / "jwt"),
        "metrics": {
            "ingress": "http://127.0.0.1:9101/metrics",
            "facade": "http://127.0.0.1:9101/metrics",
            "projection": "http://127.0.0.1:9102/metrics",
            "processor-1": "http://127.0.0.1:9103/metrics",
        },
    }


def test_every_setting_that_a_service_needs_is_told(addresses: Addresses) -> None:
    environment = addresses.service_environment("facade", {})

    kafka, clickhouse, postgres, store, tokens, http, process = load_all(
        *(
            KafkaSettings,
            ClickHouseSettings,
            PostgresSettings,
            StoreSettings,
            TokenSettings,
            HttpSettings,
            ProcessSettings,
        ),
        environment=environment,
    )
    assert (kafka.kafka_bootstrap, clickhouse.clickhouse_url) == ("127.0.0.1:19092", "http://127.0.0.1:18123")
    assert clickhouse.clickhouse_password.get_secret_value() == "pass/word"
    assert postgres.postgres_dsn.get_secret_value() == DSN
    assert (store.store_url, http.http_port, process.metrics_port) == ("file:///somewhere/store", 8080, 9101)
    assert tokens.keys == {"default": b"s" * 40}


def test_no_secret_stands_in_an_environment(addresses: Addresses) -> None:
    told = " ".join(addresses.service_environment("projection", {}).values())

    assert not any(secret in told for secret in ("pass/word", DSN, "s" * 40))


def test_only_the_facade_serves_customers(addresses: Addresses) -> None:
    assert "CDR_EXPORTS_HTTP_PORT" not in addresses.service_environment("processor-1", {})


def test_what_surrounds_the_stack_reaches_the_services() -> None:
    merged = over({"CDR_EXPORTS_SLOTS": "2", "PATH": "/bin"}, {"CDR_EXPORTS_KAFKA_BOOTSTRAP": "b"})

    assert merged == {"CDR_EXPORTS_SLOTS": "2", "PATH": "/bin", "CDR_EXPORTS_KAFKA_BOOTSTRAP": "b"}


def test_a_setting_is_told_either_by_file_or_by_value() -> None:
    surroundings = {"CDR_EXPORTS_POSTGRES_DSN": "another", "CDR_EXPORTS_STORE_URL_FILE": "another"}

    merged = over(surroundings, {"CDR_EXPORTS_POSTGRES_DSN_FILE": "ours", "CDR_EXPORTS_STORE_URL": "ours"})

    assert merged == {"CDR_EXPORTS_POSTGRES_DSN_FILE": "ours", "CDR_EXPORTS_STORE_URL": "ours"}
