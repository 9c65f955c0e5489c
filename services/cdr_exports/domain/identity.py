"""Ids, and how an id that must be the same every time is derived.

An event's id is a function of what makes it the same event (UUIDv5), so a repeated event carries the same id and a
consumer can tell a repetition from news.
"""

from __future__ import annotations

from typing import NewType
from uuid import UUID, uuid5

ExportId = NewType("ExportId", UUID)
EventId = NewType("EventId", UUID)
AccountId = NewType("AccountId", int)
"""The internal id of an account: `customer_acc_id` in the CDR table."""
CustomerId = NewType("CustomerId", int)
ApiAccessId = NewType("ApiAccessId", int)

NAMESPACE = UUID("6f1f0a52-6b0c-5c3e-9d5e-3b9c1c0c7a10")
"""Of every UUIDv5 that this project derives. It never changes."""


def derived_event_id(event: str, *facts: object) -> EventId:
    """The id of the event `event` that these facts make: the same facts, the same id."""
    return EventId(uuid5(NAMESPACE, ":".join((event, *map(str, facts)))))


def keyed_export_id(account_id: AccountId, idempotency_key: str) -> ExportId:
    """The id of the export that `account_id` asks for under `idempotency_key`: one key, one export."""
    return ExportId(uuid5(NAMESPACE, f"export:{account_id}:{idempotency_key}"))
