"""Which API, which token, which settings: options, environment, local stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cdr_exports.cli.surroundings import environment_and_local, local_status, settings
from cdr_exports.domain.errors import Misconfigured
from cdr_exports.runtime.settings import KafkaSettings, TokenSettings
from tests.unit.cli.scripted_api import EXPORT_ID, Api, Run, document, resource

STATUS: dict[str, Any] = {
    "ready": True,
    "facade": "http://127.0.0.1:1",
    "kafka": "127.0.0.1:19092",
    "clickhouse": "http://u:p@127.0.0.1:18123",
    "postgres": "postgresql://u@127.0.0.1/x",
    "store": "file:///tmp/store",
    "jwt_secret_file": "secret",
}


@pytest.fixture
def local_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a local stack, as far as it tells about itself."""
    secret = tmp_path / "jwt-secret"
    secret.write_text("s" * 40 + "\n")
    (tmp_path / "status.json").write_text(json.dumps({**STATUS, "jwt_secret_file": str(secret)}))
    monkeypatch.setenv("CDR_EXPORTS_LOCAL_DIR", str(tmp_path))
    return tmp_path


def test_a_token_may_lie_in_a_file(run: Run, api: Api, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t.o.k\n")
    api.on("GET", f"/cdr-exports/{EXPORT_ID}", document({"data": resource()}))
    environment = {"CDR_EXPORTS_URL": api.url, "CDR_EXPORTS_TOKEN_FILE": str(tmp_path / "token")}

    ran = run("export", "show", EXPORT_ID, environment=environment)

    assert ran.code == 0
    assert api.requests[0].headers["authorization"] == "Bearer t.o.k"


def test_options_win_over_the_environment(run: Run, api: Api) -> None:
    api.on("GET", f"/cdr-exports/{EXPORT_ID}", document({"data": resource()}))
    environment = {"CDR_EXPORTS_URL": "http://127.0.0.1:1", "CDR_EXPORTS_TOKEN": "e.n.v"}

    ran = run("export", "show", EXPORT_ID, "--url", api.url, "--token", "o.p.t", environment=environment)

    assert ran.code == 0
    assert api.requests[0].headers["authorization"] == "Bearer o.p.t"


def test_without_anything_all_that_is_missing_is_told(run: Run) -> None:
    ran = run("export", "list")

    assert ran.code == 2
    assert "which API?" in ran.err
    assert "which token?" in ran.err


def test_a_token_of_the_local_stack_is_for_no_other_api(run: Run, api: Api, local_dir: Path) -> None:
    ran = run("export", "list", "--url", api.url, environment={"CDR_EXPORTS_LOCAL_DIR": str(local_dir)})

    assert ran.code == 2
    assert "which token?" in ran.err
    assert api.requests == []


@pytest.mark.usefixtures("local_dir")
def test_the_local_stack_tells_the_settings() -> None:
    assert settings(KafkaSettings).kafka_bootstrap == "127.0.0.1:19092"
    assert settings(TokenSettings).keys == {"default": b"s" * 40}


@pytest.mark.usefixtures("local_dir")
def test_the_environment_wins_over_the_local_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bootstrap").write_text("broker:1")
    monkeypatch.setenv("CDR_EXPORTS_KAFKA_BOOTSTRAP_FILE", str(tmp_path / "bootstrap"))
    monkeypatch.setenv("CDR_EXPORTS_JWT_SECRETS", "e" * 32)

    assert settings(KafkaSettings).kafka_bootstrap == "broker:1"
    assert settings(TokenSettings).keys == {"default": b"e" * 32}


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_status_that_cannot_be_read_is_none(local_dir: Path, text: str) -> None:
    (local_dir / "status.json").write_text(text)

    assert local_status() is None
    assert environment_and_local().get("CDR_EXPORTS_KAFKA_BOOTSTRAP") is None


def test_settings_that_are_wrong_are_all_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CDR_EXPORTS_LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("CDR_EXPORTS_JWT_SECRETS", "short")
    monkeypatch.setenv("CDR_EXPORTS_TOKEN_LIFETIME_SECONDS", "soon")

    with pytest.raises(Misconfigured) as told:
        settings(TokenSettings)

    assert len(told.value.faults) == 2
