"""The topics: their names, what each may hold, the key of each record, and how they are set up.

Names and records are fixed here; partitions, retention and the like are in deploy/kafka/topics.yaml. Creating and
changing topics on a broker is left to the commands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, assert_never

import yaml

from cdr_exports.contract.resources import repository_path
from cdr_exports.domain.errors import Misconfigured
from cdr_exports.domain.events import (
    AccountChanged,
    ApiAccessChanged,
    DeadLetter,
    ExportCompleted,
    ExportDeleted,
    ExportDeleteRequested,
    ExportFailed,
    ExportProgressed,
    ExportRequested,
    ExportStarted,
    Record,
    SliceReady,
)

REQUESTS: Final = "cdr-exports.requests.v1"
SLICES: Final = "cdr-exports.slices.v1"
EVENTS: Final = "cdr-exports.events.v1"
ACCOUNTS: Final = "cdr-exports.accounts.v1"
API_ACCESSES: Final = "cdr-exports.api-accesses.v1"
DEAD_LETTERS: Final = "cdr-exports.dead-letters.v1"

RECORDS: Final[dict[str, tuple[type[Record], ...]]] = {
    REQUESTS: (ExportRequested, ExportDeleteRequested),
    SLICES: (SliceReady,),
    EVENTS: (ExportStarted, ExportProgressed, ExportCompleted, ExportFailed, ExportDeleted),
    ACCOUNTS: (AccountChanged,),
    API_ACCESSES: (ApiAccessChanged,),
    DEAD_LETTERS: (DeadLetter,),
}
"""What each topic may hold."""


def topic_of(record: Record) -> str:
    """The topic that `record` is published to: each record has one."""
    return next(topic for topic, records in RECORDS.items() if isinstance(record, records))


def key_of(record: Record) -> bytes | None:
    """The key of `record`; None only for the dead letter of a record that had none."""
    match record:
        case SliceReady():
            return f"{record.export_id}:{record.lane}".encode()
        case AccountChanged():
            return str(record.account_id).encode()
        case ApiAccessChanged():
            return str(record.api_access_id).encode()
        case DeadLetter():
            return record.key
        case (
            ExportRequested()
            | ExportDeleteRequested()
            | ExportStarted()
            | ExportProgressed()
            | ExportCompleted()
            | ExportFailed()
            | ExportDeleted()
        ):
            return str(record.export_id).encode()
        case _:
            assert_never(record)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSetup:
    """A topic as it should be. `configs` are Kafka's own names and values, as text."""

    name: str
    partitions: int
    replication_factor: int
    configs: dict[str, str]


def load_topics(replication_factor: int | None = None) -> tuple[TopicSetup, ...]:
    """The topics of deploy/kafka/topics.yaml, copied to so many brokers (the file's own number by default).

    Raises Misconfigured with all faults of the file.
    """
    return read_topics(repository_path("deploy/kafka/topics.yaml").read_text(), replication_factor)


def read_topics(text: str, replication_factor: int | None = None) -> tuple[TopicSetup, ...]:
    """As `load_topics`, of a file's text. More copies in sync than there are copies are never asked for."""
    try:
        document = yaml.safe_load(text)
        faults = list(_faults(document))
    except (yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
        raise Misconfigured([f"topics.yaml cannot be read: {error}"]) from error
    if faults:
        raise Misconfigured([f"topics.yaml: {fault}" for fault in faults])
    copies = replication_factor or document["replication_factor"]
    in_sync = min(document["min_insync_replicas"], copies)
    return tuple(
        TopicSetup(
            name=topic["name"],
            partitions=topic["partitions"],
            replication_factor=copies,
            configs={"min.insync.replicas": str(in_sync)}
            | {key: str(value) for key, value in topic["configs"].items()},
        )
        for topic in document["topics"]
    )


def _faults(document: Any) -> list[str]:
    faults = [
        f"{name} must be a whole number of at least 1"
        for name in ("replication_factor", "min_insync_replicas")
        if not _is_count(document.get(name))
    ]
    names = [topic["name"] for topic in document["topics"]]
    faults += [f"{name} is missing" for name in RECORDS if name not in names]
    faults += [
        f"{name} is no topic of ours, or is there twice" for name in names if names.count(name) != (name in RECORDS)
    ]
    for topic in document["topics"]:
        if not _is_count(topic.get("partitions")):
            faults.append(f"{topic['name']}: partitions must be a whole number of at least 1")
        if unknown := sorted(set(topic) - {"name", "partitions", "configs"}):
            faults.append(f"{topic['name']}: no such setting: {', '.join(unknown)}")
        # YAML reads yes, no and 1e6 as something else than the text that Kafka is to get.
        if any(not isinstance(value, str | int) or isinstance(value, bool) for value in topic["configs"].values()):
            faults.append(f"{topic['name']}: configs must be whole numbers or text in quotes")
    return faults


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
