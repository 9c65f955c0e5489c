from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cdr_exports.domain.errors import Misconfigured, Transient
from cdr_exports.runtime.postgres import Migration, migrate, migrations_of, missing_migrations, probe

OURS = migrations_of("cdr_exports.projection")
FIRST = Migration(name="0001_a.sql", text="CREATE TABLE a (n integer); INSERT INTO a VALUES (1);")
SECOND = Migration(name="0002_b.sql", text="ALTER TABLE a ADD COLUMN m integer;")
BROKEN = Migration(name="0003_c.sql", text="CREATE TABLE c (n integer); SELECT no_such_column;")


async def test_migrations_are_applied_once(empty_dsn: str) -> None:
    first = await migrate(empty_dsn, OURS)
    second = await migrate(empty_dsn, OURS)

    assert first == [each.name for each in OURS]
    assert second == []


async def test_of_four_that_migrate_at_once_one_applies_each_file(empty_dsn: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_dsn, (FIRST, SECOND)) for _ in range(4)))

    assert sorted(applied) == [[], [], [], [FIRST.name, SECOND.name]]


async def test_a_new_file_is_applied_on_top(empty_dsn: str) -> None:
    await migrate(empty_dsn, [FIRST])

    missing = await missing_migrations(empty_dsn, (FIRST, SECOND))
    applied = await migrate(empty_dsn, (FIRST, SECOND))

    assert missing == applied == [SECOND.name]


async def test_a_file_that_fails_leaves_nothing_behind_and_those_before_it_applied(empty_dsn: str) -> None:
    with pytest.raises(Exception, match="no_such_column"):
        await migrate(empty_dsn, (FIRST, BROKEN))

    assert await missing_migrations(empty_dsn, (FIRST, BROKEN)) == [BROKEN.name]
    assert await migrate(empty_dsn, (FIRST, replace(BROKEN, text="CREATE TABLE c (n integer);"))) == [BROKEN.name]


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        pytest.param((replace(FIRST, text="SELECT 1"), SECOND), "0001_a.sql was edited", id="an edited file"),
        pytest.param((FIRST,), "its file is gone", id="a file that is gone"),
        pytest.param(
            (Migration(name="0000_x.sql", text="SELECT 1"), FIRST, SECOND), "sorts before", id="a file in between"
        ),
    ],
)
async def test_files_that_do_not_fit_what_was_applied_are_refused(
    empty_dsn: str, files: tuple[Migration, ...], fault: str
) -> None:
    await migrate(empty_dsn, (FIRST, SECOND))

    with pytest.raises(Misconfigured, match=fault):
        await migrate(empty_dsn, files)


async def test_an_empty_database_lacks_all_migrations(empty_dsn: str) -> None:
    assert await missing_migrations(empty_dsn, OURS) == [each.name for each in OURS]


async def test_a_server_that_answers_is_told_from_one_that_does_not(empty_dsn: str) -> None:
    await probe(empty_dsn)

    with pytest.raises(Transient):
        await probe("postgresql://nobody@127.0.0.1:1/nothing")


async def test_a_dsn_that_is_none_is_a_configuration_error_and_is_not_repeated() -> None:
    with pytest.raises(Misconfigured) as raised:
        await probe("host = and password=secret word")

    assert "secret" not in str(raised.value)
