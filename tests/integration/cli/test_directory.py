"""`directory apply` on a real broker: what it publishes, and that a second time it publishes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cdr_exports.api.passwords import verify_password
from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.domain.events import ApiAccessChanged
from cdr_exports.runtime.kafka import Raw, read_to_end
from cdr_exports.runtime.settings import KafkaSettings
from tests.integration.cli.conftest import Run, written

DIRECTORY = """
customers:    [{id: 90007, name: Acme}]
accounts:     [{id: 90071, uuid: 7a108ca2-39c4-11f1-8c50-82ad38f49071, customer_id: 90007, name: Acme main, balance: "100.50"}]
api_accesses: [{id: 90015, customer_id: 90007, login: cli-acme, password: hunter2x}]
"""


@pytest.fixture
async def file(run: Run, tmp_path: Path) -> Path:
    """A directory file, and the topics for it."""
    await run("topics", "apply")
    return written(tmp_path / "directory.yaml", DIRECTORY)


async def records(bootstrap: str) -> list[Raw]:
    """Ours among all that the directory's topics hold, other tests' being others'."""
    settings = KafkaSettings(kafka_bootstrap=bootstrap)
    found = read_to_end(settings, (topics.ACCOUNTS, topics.API_ACCESSES))
    ours = [each async for each in found if each.key in (b"90071", b"90015")]
    return sorted(ours, key=lambda raw: (raw.topic, raw.partition, raw.offset))


async def listed(run: Run) -> dict[str, Any]:
    ran = await run("directory", "list", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    return {
        "accounts": [each for each in told["accounts"] if each["account_id"] == 90071],
        "api_accesses": [each for each in told["api_accesses"] if each["api_access_id"] == 90015],
    }


async def test_a_second_time_nothing_is_published(run: Run, file: Path, kafka_bootstrap: str) -> None:
    first = await run("directory", "apply", file)
    published = await records(kafka_bootstrap)
    second = await run("directory", "apply", file)

    assert (first.code, first.err) == (0, "")
    assert "2 published, 0 unchanged" in first.out
    assert second.out == "0 published, 2 unchanged\n"
    assert await records(kafka_bootstrap) == published


async def test_what_changed_in_the_file_is_published_alone(run: Run, file: Path, tmp_path: Path) -> None:
    await run("directory", "apply", file)
    changed_file = written(tmp_path / "changed.yaml", DIRECTORY.replace("100.50", "99.50"))

    changed = await run("directory", "apply", changed_file, "--json")

    assert json.loads(changed.out) == {"changes": ["changed account 90071 (Acme main)"]}
    assert (await listed(run))["accounts"][0]["balance"] == "99.50"


async def test_only_a_hash_leaves_the_command(run: Run, file: Path, kafka_bootstrap: str) -> None:
    await run("directory", "apply", file)

    raw = [each for each in await records(kafka_bootstrap) if each.key == b"90015"][-1]
    access = Codec.load().decode(raw.value, (ApiAccessChanged,))
    assert b"hunter2x" not in (raw.value or b"")
    assert verify_password("hunter2x", access.password_hash)
    assert (await listed(run))["api_accesses"][0]["has_password"] is True


@pytest.mark.usefixtures("file")
async def test_a_faulty_file_publishes_nothing(run: Run, tmp_path: Path, kafka_bootstrap: str) -> None:
    before = await records(kafka_bootstrap)
    faulty = written(tmp_path / "faulty.yaml", DIRECTORY.replace("login", "logon"))

    ran = await run("directory", "apply", faulty)

    assert ran.code == 2
    assert [line.partition(": ")[2] for line in ran.err.splitlines()] == [
        "api_accesses[0].login: is required",
        "api_accesses[0].logon: is no field of a directory file",
    ]
    assert await records(kafka_bootstrap) == before


async def test_what_the_file_does_not_name_is_removed_when_it_is_pruned(run: Run, file: Path, tmp_path: Path) -> None:
    """Prunes what other tests of the session published as well; each that needs a directory applies its own."""
    await run("directory", "apply", file)

    pruned = await run("directory", "apply", written(tmp_path / "nothing.yaml", "customers: []\n"), "--prune")

    assert "removed API access 90015 (cli-acme)" in pruned.out
    assert "removed account 90071 (Acme main)" in pruned.out
    assert await listed(run) == {"accounts": [], "api_accesses": []}
