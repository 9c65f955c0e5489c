"""Settings: where they come from, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdr_exports.domain.errors import Misconfigured
from cdr_exports.runtime.settings import (
    GROUPS,
    ExportSettings,
    KafkaSettings,
    PostgresSettings,
    StoreSettings,
    TokenSettings,
    WorkerSettings,
    describe,
    load,
    load_all,
)

SECRET = "s" * 32


def test_a_setting_comes_from_the_environment_or_from_a_file_that_it_names(tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text("postgresql://from-file/x\n")

    kafka, postgres = load_all(
        KafkaSettings,
        PostgresSettings,
        environment={"CDR_EXPORTS_KAFKA_BOOTSTRAP": "k:1", "CDR_EXPORTS_POSTGRES_DSN_FILE": str(file)},
    )

    assert kafka.kafka_bootstrap == "k:1"
    assert postgres.postgres_dsn.get_secret_value() == "postgresql://from-file/x"


def test_all_faults_are_told_at_once() -> None:
    environment = {
        "CDR_EXPORTS_SLOTS": "many",
        "CDR_EXPORTS_SLICE_ROWS": "0",
        "CDR_EXPORTS_JWT_SECRETS": "short",
        "CDR_EXPORTS_POSTGRES_DSN_FILE": "/no/such/file",
    }

    with pytest.raises(Misconfigured) as caught:
        load_all(WorkerSettings, TokenSettings, StoreSettings, PostgresSettings, environment=environment)

    told = "\n".join(caught.value.faults)
    for name in "SLOTS", "SLICE_ROWS", "JWT_SECRETS", "STORE_URL", "POSTGRES_DSN_FILE":
        assert f"CDR_EXPORTS_{name}" in told


def test_a_fault_does_not_print_the_secret() -> None:
    with pytest.raises(Misconfigured) as caught:
        load(TokenSettings, {"CDR_EXPORTS_JWT_SECRETS": "hunter2"})

    assert "hunter2" not in str(caught.value)
    assert "32 bytes" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (SECRET, {"default": SECRET.encode()}),
        (f'{{"a": "{SECRET}", "b": "{SECRET}"}}', {"a": SECRET.encode(), "b": SECRET.encode()}),
    ],
    ids=["one secret", "by key id"],
)
def test_secrets_have_key_ids(text: str, keys: dict[str, bytes]) -> None:
    assert load(TokenSettings, {"CDR_EXPORTS_JWT_SECRETS": text}).keys == keys


def test_a_blank_lifetime_means_tokens_without_an_end() -> None:
    settings = load(TokenSettings, {"CDR_EXPORTS_JWT_SECRETS": SECRET, "CDR_EXPORTS_TOKEN_LIFETIME_SECONDS": ""})

    assert settings.token_lifetime_seconds is None


def test_hidden_fields_outside_the_29_are_ignored() -> None:
    settings = load(ExportSettings, {"CDR_EXPORTS_HIDE_FIELDS": "customer_price, vendor_price ,local_tag"})

    assert settings.hidden_columns == {"customer_price", "local_tag"}


def test_every_setting_has_a_meaning_and_secrets_are_masked() -> None:
    settings = {each.name: each for each in describe({"CDR_EXPORTS_JWT_SECRETS": SECRET})}

    assert len(settings) == sum(len(group.model_fields) for group in GROUPS)
    assert all(each.meaning for each in settings.values())
    assert settings["CDR_EXPORTS_JWT_SECRETS"].value == "********"
    assert settings["CDR_EXPORTS_JWT_SECRETS"].source == "CDR_EXPORTS_JWT_SECRETS"
    assert SECRET not in str(settings)
