"""An installation set up by commands alone, on real servers, until `doctor` finds nothing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.cli.conftest import Run, written


async def test_an_installation_is_set_up_by_commands_until_the_doctor_is_content(run: Run) -> None:
    before = await run("doctor", "--json")

    topics = await run("topics", "apply")
    migrations = await run("db", "migrate")
    cdrs = await run("cdrs", "generate", "--rows", 1000, "--account", 71)
    after = await run("doctor", "--json")

    assert before.code == 1
    faults = {each["subject"] for each in json.loads(before.out)["findings"] if each["state"] != "well"}
    assert {"ClickHouse", "PostgreSQL"} <= faults
    assert (topics.code, migrations.code, cdrs.code) == (0, 0, 0), (topics.err, migrations.err, cdrs.err)
    assert (after.code, after.err) == (0, "")
    assert json.loads(after.out)["well"]


async def test_applying_topics_and_migrations_again_changes_nothing(run: Run) -> None:
    await run("topics", "apply")
    await run("db", "migrate")

    assert json.loads((await run("topics", "apply", "--json")).out) == []
    assert (await run("topics", "diff")).code == 0
    assert json.loads((await run("db", "migrate", "--json")).out) == []


async def test_cdrs_are_counted_by_account(run: Run) -> None:
    await run("cdrs", "generate", "--rows", 500, "--account", 901, "--account", 902, "--from", "2026-01-01")

    both = [int((await run("cdrs", "count", "--account", account)).out) for account in (901, 902)]

    assert sum(both) == 500
    assert min(both) > 0


async def test_an_empty_period_is_a_mistake_of_use(run: Run) -> None:
    ran = await run("cdrs", "generate", "--rows", 1, "--account", 1, "--from", "2026-02-01", "--to", "2026-02-01")

    assert ran.code == 2
    assert "is empty" in ran.err


async def test_a_fresh_read_model_dumps_nothing(run: Run) -> None:
    await run("db", "migrate")

    ran = await run("projection", "dump")

    assert (ran.code, ran.out, ran.err) == (0, "", "")


async def test_a_server_that_is_away_is_one_line(run: Run, tmp_path: Path) -> None:
    directory = written(tmp_path / "directory.yaml", "customers: []\n")

    away = {
        "topics": await run("topics", "diff", KAFKA_BOOTSTRAP="127.0.0.1:1"),
        "db": await run("db", "migrate", POSTGRES_DSN="postgresql://u:hunter2x@127.0.0.1:1/x"),
        "cdrs": await run("cdrs", "count", CLICKHOUSE_URL="http://u:hunter2x@127.0.0.1:1"),
        "directory": await run("directory", "apply", directory, KAFKA_BOOTSTRAP="127.0.0.1:1"),
        "events": await run("events", "tail", KAFKA_BOOTSTRAP="127.0.0.1:1"),
    }

    assert {name: (ran.code, ran.out, ran.err.count("\n")) for name, ran in away.items()} == dict.fromkeys(
        away, (1, "", 1)
    )
    assert "hunter2x" not in "".join(ran.err for ran in away.values())
