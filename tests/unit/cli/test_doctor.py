"""`doctor` where nothing runs, and the page of settings that it makes."""

from __future__ import annotations

import json
from pathlib import Path

from cdr_exports.cli.doctor import markdown
from tests.unit.cli.scripted_api import Run

SETTINGS_PAGE = Path(__file__).parents[3] / "deploy" / "settings.md"


def test_the_page_of_settings_is_current() -> None:
    assert SETTINGS_PAGE.read_text() == markdown() + "\n", "cdr-exports doctor --settings-markdown > deploy/settings.md"


def test_the_page_is_what_the_command_prints(run: Run) -> None:
    assert run("doctor", "--settings-markdown").out == markdown() + "\n"


def test_everything_that_is_wrong_is_told_at_once(run: Run, tmp_path: Path) -> None:
    environment = {
        "CDR_EXPORTS_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "CDR_EXPORTS_CLICKHOUSE_URL": "http://user:hunter2x@127.0.0.1:1",
        "CDR_EXPORTS_POSTGRES_DSN": "postgresql://user:hunter2x@127.0.0.1:1/x",
        "CDR_EXPORTS_STORE_URL": f"file://{tmp_path}/store",
        "CDR_EXPORTS_JWT_SECRETS": "hunter2x",
        "CDR_EXPORTS_SLOTS": "many",
    }

    ran = run("doctor", "--json", environment=environment)

    told = json.loads(ran.out)
    states = {each["subject"]: each["state"] for each in told["findings"]}
    assert ran.code == 1
    assert not told["well"]
    assert states.pop("object store") == "well"
    assert states.keys() == {"tokens", "Kafka", "ClickHouse", "PostgreSQL", "settings"}
    assert "well" not in states.values()
    assert all(each["remedy"] for each in told["findings"] if each["state"] != "well")
    assert "hunter2x" not in ran.out + ran.err


def test_the_probe_object_is_removed(run: Run, tmp_path: Path) -> None:
    run("doctor", environment={"CDR_EXPORTS_STORE_URL": f"file://{tmp_path}/store"})

    assert [each for each in (tmp_path / "store").rglob("*") if each.is_file()] == []


def test_settings_are_listed_with_their_source(run: Run) -> None:
    ran = run("doctor", "--json", environment={"CDR_EXPORTS_SLICE_ROWS": "1000"})

    listed = {each["name"]: each for each in json.loads(ran.out)["settings"]}
    assert listed["CDR_EXPORTS_SLICE_ROWS"]["value"] == "1000"
    assert listed["CDR_EXPORTS_SLICE_ROWS"]["source"] == "CDR_EXPORTS_SLICE_ROWS"
    assert listed["CDR_EXPORTS_SLOTS"]["source"] == "default"
