"""The only file that knows psycopg: the pool, transactions, named SQL, migrations, and the wake-up by NOTIFY.

What goes wrong with the connection or the server raises Transient and leaves no half of a transaction behind; a mistake
in a statement raises what psycopg raises, for it is a bug of ours. A commit whose answer was lost raises Transient too,
though it may have happened: what is done again must be safe to do again.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from cdr_exports.domain.errors import Misconfigured, Transient
from cdr_exports.runtime.settings import PostgresSettings

CONNECT_SECONDS = 3
CHECKOUT_SECONDS = 5.0
SESSION = "-c timezone=UTC"
"""Of every connection: timestamps come back in UTC, whatever the server is set to."""
LIMITS = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
"""Of connections that serve: nothing holds a reader, or a lock, for ever."""
MIGRATIONS_LOCK = 0x6364722D657870  # "cdr-exp": whoever migrates holds this advisory lock

Row = Mapping[str, Any]
Connection = psycopg.AsyncConnection[dict[str, Any]]


async def probe(dsn: str) -> None:
    """Returns if PostgreSQL answers a query. Raises Transient if it does not, Misconfigured for a DSN that is none."""
    try:
        with _translated():
            async with asyncio.timeout(2 * CONNECT_SECONDS), await _connect(dsn) as connection:
                await connection.execute("SELECT 1")
    except TimeoutError as error:
        raise Transient("PostgreSQL does not answer in time") from error


class Transaction:
    """An open transaction. Statements are texts with `%(name)s` for values; values never become part of the text."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        cursor = await self._connection.execute(statement.encode(), values)
        return await cursor.fetchall()

    async def one(self, statement: str, **values: Any) -> dict[str, Any] | None:
        """The first row; None where there is none."""
        cursor = await self._connection.execute(statement.encode(), values)
        return await cursor.fetchone()

    async def execute(self, statement: str, **values: Any) -> int:
        """The number of rows that the statement touched."""
        cursor = await self._connection.execute(statement.encode(), values)
        return cursor.rowcount

    async def execute_each(self, statement: str, values: Sequence[Row]) -> None:
        """The statement once for each set of values, in one round trip."""
        if values:
            async with self._connection.cursor() as cursor:
                await cursor.executemany(statement.encode(), values)

    async def stream(self, statement: str, *, rows_at_once: int = 1000) -> AsyncIterator[dict[str, Any]]:
        """The rows of a statement without values, however many, through a cursor of the server."""
        async with self._connection.cursor(name="stream") as cursor:
            cursor.itersize = rows_at_once
            await cursor.execute(statement.encode())
            async for row in cursor:
                yield row


class Database:
    """A pool of connections, opened by `async with`; it starts, and stays, while PostgreSQL is away."""

    def __init__(self, settings: PostgresSettings) -> None:
        self._dsn = settings.postgres_dsn.get_secret_value()
        self._pool = AsyncConnectionPool[Connection](
            kwargs={**_parameters(self._dsn, f"{SESSION} {LIMITS}"), "row_factory": dict_row},
            min_size=1,
            max_size=settings.postgres_pool_size,
            open=False,
            check=AsyncConnectionPool.check_connection,
            timeout=CHECKOUT_SECONDS,
            # The pool's own waits between attempts double without end; a new caller starts anew at once.
            reconnect_timeout=CONNECT_SECONDS,
        )

    async def __aenter__(self) -> Database:
        await self._pool.open(wait=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close(timeout=CONNECT_SECONDS)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commits at the end of the context, rolls back where it is left by an exception. Raises Transient."""
        cancellations = _cancellations()
        with _translated():
            async with self._pool.connection() as connection:
                # psycopg_pool 3.3 forgets a cancellation that comes just when it hands out a connection; the task
                # would go on for ever, and nothing that waits for its end would ever end.
                if _cancellations() > cancellations:
                    raise asyncio.CancelledError
                yield Transaction(connection)

    async def wakes(self, channel: str, *, at_least_every_seconds: float) -> AsyncGenerator[None, None]:
        """Yields once it listens, then after each notification on `channel` or, without one, after the given time.

        Several notifications may wake once. Has a connection of its own; raises Transient when that is lost.
        """
        with _translated():
            async with await _connect(self._dsn) as connection:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                while True:
                    yield
                    heed_cancellation()
                    async for _ in connection.notifies(timeout=at_least_every_seconds, stop_after=1):
                        pass


def named_sql(package: str, file: str = "queries.sql") -> dict[str, str]:
    """The statements of a package's SQL file by name.

    A block opens with `-- name: …`; the comment lines that follow say what the statement is for. Raises ValueError for
    a block without them, and for a name that comes twice.
    """
    text = (files(package) / file).read_text(encoding="utf-8")
    statements: dict[str, str] = {}
    for block in re.split(r"^-- name: ", text, flags=re.MULTILINE)[1:]:
        name, _, rest = block.partition("\n")
        lines = rest.splitlines()
        if not lines or not lines[0].startswith("-- ") or name in statements:
            raise ValueError(f"{file}: the statement {name!r} comes twice or does not say what it is for")
        statements[name] = "\n".join(line for line in lines if not line.startswith("--")).strip()
    return statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One SQL file. Once it has been applied anywhere it is never edited: the next change is the next file."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations_of(package: str, folder: str = "migrations") -> tuple[Migration, ...]:
    """The `*.sql` files in a folder of a package, by name."""
    found = [each for each in (files(package) / folder).iterdir() if each.name.endswith(".sql")]
    return tuple(
        Migration(name=each.name, text=each.read_text(encoding="utf-8")) for each in sorted(found, key=lambda f: f.name)
    )


async def migrate(dsn: str, migrations: Iterable[Migration]) -> list[str]:
    """Applies what is missing, forward only, each file in a transaction of its own; the names of what was applied.

    Any number may call it at once: they wait for one another. Raises Misconfigured where an applied file was edited, is
    gone, or a new one sorts before an applied one; then nothing is changed.
    """
    with _translated():
        async with await _connect(dsn, SESSION) as connection:
            await connection.execute("SELECT pg_advisory_lock(%s)", [MIGRATIONS_LOCK])  # ends with the connection
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations ("
                " name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            missing = _missing(await _applied(connection), tuple(migrations))
            for each in missing:
                async with connection.transaction():
                    await connection.execute(each.text.encode())
                    await connection.execute(
                        "INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)", [each.name, each.checksum]
                    )
            return [each.name for each in missing]


async def missing_migrations(dsn: str, migrations: Iterable[Migration]) -> list[str]:
    """The names of what `migrate` would apply; changes nothing. Raises as `migrate` does."""
    with _translated():
        async with await _connect(dsn) as connection:
            cursor = await connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL AS known")
            known = await cursor.fetchone()
            applied = await _applied(connection) if known and known["known"] else {}
            return [each.name for each in _missing(applied, tuple(migrations))]


async def _applied(connection: Connection) -> dict[str, str]:
    cursor = await connection.execute("SELECT name, checksum FROM schema_migrations ORDER BY name")
    return {row["name"]: row["checksum"] for row in await cursor.fetchall()}


def _missing(applied: Mapping[str, str], migrations: Sequence[Migration]) -> list[Migration]:
    """What comes after the applied ones. Raises Misconfigured with every fault if the two do not fit."""
    files_by_name = {each.name: each for each in migrations}
    faults = [f"migration {name} was applied, but its file is gone" for name in applied if name not in files_by_name]
    faults += [
        f"migration {each.name} was edited after it had been applied"
        for each in migrations
        if applied.get(each.name, each.checksum) != each.checksum
    ]
    missing = [each for each in migrations if each.name not in applied]
    faults += [
        f"migration {each.name} is new, but sorts before one that was applied"
        for each in missing
        if applied and each.name < max(applied)
    ]
    if faults:
        raise Misconfigured(faults)
    return missing


async def _connect(dsn: str, session: str = f"{SESSION} {LIMITS}") -> Connection:
    """A connection of its own, outside the pool, that commits each statement."""
    return await psycopg.AsyncConnection.connect(**_parameters(dsn, session), autocommit=True, row_factory=dict_row)


def _parameters(dsn: str, session: str) -> dict[str, Any]:
    """What the DSN says, completed; it has the last word. Raises Misconfigured."""
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise Misconfigured(["the PostgreSQL DSN cannot be read"]) from None  # the cause would print the password
    defaults = {"connect_timeout": CONNECT_SECONDS, "application_name": "cdr-exports"}
    return {**defaults, **given, "options": f"{session} {given.get('options', '')}".strip()}


def _cancellations() -> int:
    """How often the present task has been asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def heed_cancellation() -> None:
    """psycopg waits by `asyncio.wait_for`, which before Python 3.12 drops a cancellation that comes together with what it
    waits for. Whoever runs for ever must not miss it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@contextmanager
def _translated() -> Iterator[None]:
    """Faults of connection and server become Transient. The pool's timeouts are OperationalErrors, as are shutdown,
    deadlock, serialization failure and want of resources; a read-only server is one that is just failing over.
    """
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise Transient(f"PostgreSQL does not do its work: {str(error).strip() or type(error).__name__}") from error
