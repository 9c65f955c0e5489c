"""What the local stack's commands do with the servers once they run: topics, tables, and what a person asked to have in
them. The same steps that an operator takes elsewhere by `topics apply`, `db migrate`, `directory apply`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cdr_exports.cli.local_commands import Hooks
from cdr_exports.domain.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdr_exports.local.addresses import Addresses

BROKERS = 1


def hooks() -> Hooks:
    return Hooks(prepare=prepare, load=load)


async def prepare(addresses: Addresses) -> None:
    """Topics, the read model's tables, the CDR table; safe to repeat. Raises Transient, Misconfigured."""
    from cdr_exports.cli.demo_cdrs import make_table
    from cdr_exports.contract.topics import load_topics
    from cdr_exports.runtime.kafka_topics import apply_topics
    from cdr_exports.runtime.postgres import migrate, migrations_of
    from cdr_exports.runtime.settings import ClickHouseSettings, KafkaSettings, PostgresSettings, load_all

    environment = _environment(addresses)
    kafka, postgres, clickhouse = load_all(KafkaSettings, PostgresSettings, ClickHouseSettings, environment=environment)
    left = [each for each in await apply_topics(kafka, load_topics(BROKERS)) if not each.can_apply]
    if left:
        raise Misconfigured([f"{each.topic} {each.text}" for each in left])
    await migrate(postgres.postgres_dsn.get_secret_value(), migrations_of("cdr_exports.projection"))
    await make_table(clickhouse)


async def load(addresses: Addresses, directory: Path | None, cdrs: int) -> None:
    """A directory file, and demo CDRs for its accounts (or for all that the directory has)."""
    from cdr_exports.cli import directory_file
    from cdr_exports.cli.demo_cdrs import make_rows
    from cdr_exports.cli.directory_commands import apply_file, read_directory
    from cdr_exports.runtime.settings import ClickHouseSettings, KafkaSettings, load_all

    kafka, clickhouse = load_all(KafkaSettings, ClickHouseSettings, environment=_environment(addresses))
    if directory is not None:
        await apply_file(kafka, directory_file.read(directory))
    if cdrs:
        accounts = [each.account_id for each in (await read_directory(kafka)).accounts()]
        if not accounts:
            raise Misconfigured(["--cdrs needs accounts: name a directory file with --directory"])
        await make_rows(clickhouse, rows=cdrs, accounts=accounts)


def _environment(addresses: Addresses) -> Mapping[str, str]:
    from cdr_exports.local.addresses import over

    return over(os.environ, addresses.environment())
