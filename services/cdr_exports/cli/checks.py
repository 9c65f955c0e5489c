"""What `doctor` looks at: each dependency as our services use it, and what to do when it is not as they need it.

A check changes nothing but one probe object in the store, which it removes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cdr_exports.domain.errors import CdrExportsError, Misconfigured

if TYPE_CHECKING:
    from cdr_exports.runtime.settings import (
        ClickHouseSettings,
        Group,
        KafkaSettings,
        PostgresSettings,
        StoreSettings,
        TokenSettings,
    )

    G = TypeVar("G", bound=Group)

CHECK_SECONDS = 20.0
KEYS_OF_A_CDR = ("id", "customer_acc_id", "is_last_cdr")
"""Columns that queries need and no file shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. Without a fault it is well."""

    subject: str
    fault: str | None = None
    remedy: str = ""


async def examine(environment: Mapping[str, str]) -> list[Finding]:
    """Looks at everything at once; the findings in the order of the data flow."""
    from cdr_exports.runtime import settings

    checks = (
        _checked("tokens", settings.TokenSettings, _tokens, environment),
        _checked("Kafka", settings.KafkaSettings, _kafka, environment),
        _checked("ClickHouse", settings.ClickHouseSettings, _clickhouse, environment),
        _checked("object store", settings.StoreSettings, _store, environment),
        _checked("PostgreSQL", settings.PostgresSettings, _postgres, environment),
        _settings_alone(environment),
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(check) for check in checks]
    return [finding for task in tasks for finding in task.result()]


async def _checked(
    subject: str,
    group: type[G],
    check: Callable[[G], Awaitable[list[Finding]]],
    environment: Mapping[str, str],
) -> list[Finding]:
    """What `check` finds; a dependency whose settings are wrong is not asked."""
    from cdr_exports.runtime.settings import load

    try:
        loaded = load(group, environment)
    except Misconfigured as error:
        return [Finding(subject=subject, fault=fault, remedy="set it right") for fault in error.faults]
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check(loaded)
    except TimeoutError:
        fault = f"does not answer within {CHECK_SECONDS:.0f} s"
    except CdrExportsError as error:
        fault = " ".join(str(error).split())
    return [Finding(subject=subject, fault=fault, remedy=_REMEDIES[subject])]


_REMEDIES = {
    "Kafka": "start Kafka, or set CDR_EXPORTS_KAFKA_BOOTSTRAP and CDR_EXPORTS_KAFKA_SECURITY_…",
    "ClickHouse": "start ClickHouse, or set CDR_EXPORTS_CLICKHOUSE_URL, …_USER, …_PASSWORD, …_TABLE",
    "object store": "see that CDR_EXPORTS_STORE_URL names a store that this user may write to",
    "PostgreSQL": "start PostgreSQL, or set CDR_EXPORTS_POSTGRES_DSN",
}


async def _tokens(_: TokenSettings) -> list[Finding]:
    return [Finding(subject="tokens")]


async def _settings_alone(environment: Mapping[str, str]) -> list[Finding]:
    """Groups that no dependency stands behind."""
    from cdr_exports.runtime import settings

    try:
        settings.load_all(
            settings.HttpSettings,
            settings.ProcessSettings,
            settings.ExportSettings,
            settings.WorkerSettings,
            settings.LocalSettings,
            environment=environment,
        )
    except Misconfigured as error:
        return [Finding(subject="settings", fault=fault, remedy="set it right") for fault in error.faults]
    return [Finding(subject="settings")]


async def _kafka(kafka: KafkaSettings) -> list[Finding]:
    from cdr_exports.cli.topics_commands import sentence, wanted_topics
    from cdr_exports.runtime.kafka_topics import diff_topics

    differences = await diff_topics(kafka, wanted_topics(kafka))
    if not differences:
        return [Finding(subject="Kafka")]
    by_hand = "see deploy/kafka/topics.yaml: this cannot be changed on a live topic"
    return [
        Finding(
            subject="Kafka",
            fault=f"topic {sentence(each)}",
            remedy="cdr-exports topics apply" if each.can_apply else by_hand,
        )
        for each in differences
    ]


async def _clickhouse(clickhouse: ClickHouseSettings) -> list[Finding]:
    from cdr_exports.domain.columns import COLUMNS
    from cdr_exports.runtime.clickhouse import ClickHouse, QueryFailed

    table = clickhouse.clickhouse_table
    server = ClickHouse(clickhouse)
    try:
        await server.rows("SELECT 1")
        try:
            described = await server.rows(f"DESCRIBE TABLE {table}")
        except QueryFailed as error:
            remedy = "set CDR_EXPORTS_CLICKHOUSE_TABLE; `cdr-exports cdrs generate` makes one with demo CDRs"
            return [Finding(subject="ClickHouse", fault=f"table {table}: {error}", remedy=remedy)]
    finally:
        server.close()
    missing = sorted({*COLUMNS, *KEYS_OF_A_CDR} - {row[0] for row in described})
    if not missing:
        return [Finding(subject="ClickHouse")]
    fault = f"the table {table} lacks the columns {', '.join(missing)}"
    return [Finding(subject="ClickHouse", fault=fault, remedy="add them: deploy/clickhouse says of which type")]


async def _store(store_settings: StoreSettings) -> list[Finding]:
    from uuid import uuid4

    from cdr_exports.runtime.storage import Store

    store = Store.open(store_settings.store_url)
    name, content = f"probes/{uuid4()}", b"cdr-exports doctor"
    created = await store.create(name, content)
    try:
        created_again = await store.create(name, b"another")
        read = await store.read(name)
    finally:
        await store.delete(name)
    if created and not created_again and read == content:
        return [Finding(subject="object store")]
    remedy = "use a store that can create an object only if there is none: the ledger rests on it"
    return [Finding(subject="object store", fault="an object was not kept as it was first written", remedy=remedy)]


async def _postgres(postgres_settings: PostgresSettings) -> list[Finding]:
    from cdr_exports.cli.db_commands import MIGRATIONS
    from cdr_exports.runtime import postgres

    dsn = postgres_settings.postgres_dsn.get_secret_value()
    missing = await postgres.missing_migrations(dsn, postgres.migrations_of(MIGRATIONS))
    if not missing:
        return [Finding(subject="PostgreSQL")]
    fault = f"{len(missing)} migrations are missing, the first is {missing[0]}"
    return [Finding(subject="PostgreSQL", fault=fault, remedy="cdr-exports db migrate")]
