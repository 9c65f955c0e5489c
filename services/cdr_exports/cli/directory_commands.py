"""`cdr-exports directory …`: accounts and API accesses, from a file into the two compacted topics and back.

What is published is the difference between the file and the topics, so that applying a file again publishes nothing.
A password that fits the hash in the topic is no difference. Only hashes leave this command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cdr_exports.cli.output import bar, quiet_logs, say, say_json, say_table
from cdr_exports.cli.surroundings import settings
from cdr_exports.domain.directory import Directory
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import AccountChanged, ApiAccessChanged, Event
from cdr_exports.domain.identity import AccountId, ApiAccessId, CustomerId, EventId

if TYPE_CHECKING:
    from cdr_exports.cli.directory_file import DirectoryFile
    from cdr_exports.runtime.settings import KafkaSettings

app = typer.Typer()

SOURCE = "cdr-exports directory apply"
CONNECT_SECONDS, READ_SECONDS = 5.0, 15.0
DirectoryRecord = AccountChanged | ApiAccessChanged
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Change(NamedTuple):
    """A record to publish, or with `is_removal` the one whose key gets a tombstone."""

    record: DirectoryRecord
    is_removal: bool

    def __str__(self) -> str:
        verb = "removed" if self.is_removal else "changed"
        if isinstance(self.record, AccountChanged):
            return f"{verb} account {self.record.account_id} ({self.record.name})"
        return f"{verb} API access {self.record.api_access_id} ({self.record.login})"


@app.command(epilog="Example: cdr-exports directory apply directory.yaml")
def apply(
    file: Annotated[Path, typer.Argument(help="The directory file, YAML.", exists=True, dir_okay=False)],
    prune: Annotated[bool, typer.Option("--prune", help="Remove what the file does not name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish the accounts and API accesses of a file; what is as it should be is left alone."""
    from cdr_exports.cli.directory_file import read
    from cdr_exports.runtime.settings import KafkaSettings

    quiet_logs()
    wanted = read(file)
    applied = asyncio.run(apply_file(settings(KafkaSettings), wanted, prune=prune))
    if as_json:
        say_json({"changes": [str(change) for change in applied]})
        return
    for change in applied:
        say(str(change))
    unchanged = len(wanted.accounts) + len(wanted.api_accesses) - sum(not each.is_removal for each in applied)
    say(f"{len(applied)} published, {unchanged} unchanged")


@app.command("list", epilog="Example: cdr-exports directory list --json")
def list_directory(as_json: AsJson = False) -> None:
    """List accounts and API accesses as the topics have them now."""
    from cdr_exports.runtime.settings import KafkaSettings

    quiet_logs()
    directory = present_directory(settings(KafkaSettings))
    accounts = [content(each) for each in directory.accounts()]
    accesses = [content(each) for each in directory.accesses()]
    for access in accesses:
        access["has_password"] = access.pop("password_hash") is not None
    if as_json:
        say_json({"accounts": accounts, "api_accesses": accesses})
        return
    _say_columns(accounts, "account_id", "account_uuid", "customer_id", "name", "balance", "currency")
    say("")
    _say_columns(accesses, "api_access_id", "customer_id", "login", "account_ids", "has_password")


def present_directory(kafka: KafkaSettings) -> Directory:
    """The directory as the topics have it now. Raises Transient."""
    return asyncio.run(read_directory(kafka))


async def read_directory(kafka: KafkaSettings) -> Directory:
    """The directory as the topics have it now. Raises Transient."""
    from cdr_exports.runtime.directory import DirectoryView
    from cdr_exports.runtime.kafka import admin
    from cdr_exports.runtime.registry import codec_for

    async with admin(kafka, timeout_seconds=CONNECT_SECONDS):
        """A view waits for a broker that is away; a command says so."""
    view = DirectoryView(kafka, codec_for(kafka))
    following = asyncio.create_task(view.run())
    try:
        async with asyncio.timeout(READ_SECONDS):
            await view.caught_up.wait()
    except TimeoutError as error:
        raise Transient(
            f"the directory's topics at {kafka.kafka_bootstrap} could not be read within {READ_SECONDS:.0f} s: "
            "is Kafka running, and were the topics made (`cdr-exports topics apply`)?"
        ) from error
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return view.directory


async def apply_file(kafka: KafkaSettings, wanted: DirectoryFile, *, prune: bool = False) -> list[Change]:
    """Publishes what differs; gives it, each acknowledged by the broker. Raises Transient."""
    from cdr_exports.contract import topics
    from cdr_exports.contract.envelope import headers_of
    from cdr_exports.runtime.kafka import Publisher
    from cdr_exports.runtime.registry import codec_for

    present = await read_directory(kafka)
    with bar("comparing", total=len(wanted.api_accesses), unit="records") as progress:
        changes = await asyncio.to_thread(differences, wanted, present, prune=prune, on_access=progress.at)
    if not changes:
        return []
    codec = codec_for(kafka)
    async with Publisher(kafka, "cdr-exports-directory") as publisher:
        with bar("publishing", total=len(changes), unit="records") as progress:
            for number, (record, is_removal) in enumerate(changes, start=1):
                topic = topics.ACCOUNTS if isinstance(record, AccountChanged) else topics.API_ACCESSES
                value, headers = (None, ()) if is_removal else (codec.encode(record), headers_of(record))
                await publisher.publish(topic, key=topics.key_of(record), value=value, headers=headers)
                progress.at(number)
    return changes


def differences(
    wanted: DirectoryFile, present: Directory, *, prune: bool = False, on_access: Callable[[int], None] = lambda _: None
) -> list[Change]:
    """What must be published so that the topics say what the file says. Accounts come before those who use them.

    Takes a fifth of a second for each password; `on_access` hears how many are done.
    """
    accounts = list(_accounts(wanted))
    accesses = []
    for number, access in enumerate(_accesses(wanted, present), start=1):
        accesses.append(access)
        on_access(number)
    changed: list[DirectoryRecord] = [each for each in accounts if not _same(each, present.account(each.account_id))]
    changed += [each for each in accesses if not _same(each, present.access(each.api_access_id))]
    removed: list[DirectoryRecord] = []
    if prune:
        kept = {each.api_access_id for each in accesses}, {each.account_id for each in accounts}
        removed += [each for each in present.accesses() if each.api_access_id not in kept[0]]
        removed += [each for each in present.accounts() if each.account_id not in kept[1]]
    return [Change(each, is_removal=False) for each in changed] + [Change(each, is_removal=True) for each in removed]


def content(record: DirectoryRecord) -> dict[str, Any]:
    """What a record says, without what every record begins with."""
    envelope = {field.name for field in fields(Event)}
    return {field.name: getattr(record, field.name) for field in fields(record) if field.name not in envelope}


def _same(record: DirectoryRecord, known: DirectoryRecord | None) -> bool:
    return known is not None and content(record) == content(known)


def _envelope() -> dict[str, Any]:
    from uuid_utils.compat import uuid7

    from cdr_exports.runtime.clock import utc_now

    return {"event_id": EventId(uuid7()), "occurred_at": utc_now(), "source": SOURCE}


def _accounts(wanted: DirectoryFile) -> Iterable[AccountChanged]:
    for account in wanted.accounts:
        said = account.model_dump(exclude={"id", "uuid", "customer_id"})
        yield AccountChanged(
            **_envelope(),
            account_id=AccountId(account.id),
            account_uuid=account.uuid,
            customer_id=CustomerId(account.customer_id),
            **said,
        )


def _accesses(wanted: DirectoryFile, present: Directory) -> Iterable[ApiAccessChanged]:
    for access in wanted.api_accesses:
        known = present.access(ApiAccessId(access.id))
        yield ApiAccessChanged(
            **_envelope(),
            api_access_id=ApiAccessId(access.id),
            customer_id=CustomerId(access.customer_id),
            account_ids=tuple(map(AccountId, access.account_ids)),
            login=access.login,
            password_hash=_hash(access.password, known.password_hash if known else None),
            allow_listen_recording=access.allow_listen_recording,
        )


def _hash(password: str | None, known: str | None) -> str | None:
    """The known hash where the password fits it, so that nothing changes; else a new one."""
    from cdr_exports.api.passwords import hash_password, verify_password

    if password is None:
        return None
    return known if known is not None and verify_password(password, known) else hash_password(password)


def _say_columns(records: Iterable[Mapping[str, Any]], *names: str) -> None:
    say_table(names, ([_cell(each[name]) for name in names] for each in records))


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) or "all" if isinstance(value, tuple) else value
