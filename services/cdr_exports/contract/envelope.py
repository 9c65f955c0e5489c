"""The headers of a record: CloudEvents' Kafka binding, and W3C trace context.

For tools and people that look at topics. Whoever reads needs none of them: what they say is inside the record, too.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from urllib.parse import quote

from cdr_exports.contract.schema_files import NAMESPACE
from cdr_exports.contract.topics import key_of
from cdr_exports.domain.events import DeadLetter, Record


def headers_of(record: Record, traceparent: str | None = None) -> list[tuple[str, bytes]]:
    """The headers to publish `record` with. The same record has the same headers but for the trace."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(record.event_id),
        "ce_type": f"{NAMESPACE}.{type(record).__name__}",
        # A URI reference; our own names are. A stranger's may hold anything.
        "ce_source": quote(record.source, safe="/:-._~") or "unknown",
        "ce_time": record.occurred_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "ce_subject": _subject(record),
        "content-type": "application/avro",
    }
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return [(name, value.encode()) for name, value in headers.items()]


def _subject(record: Record) -> str:
    """What the record is about: the export, account or access; of a dead letter, the place it came from."""
    if isinstance(record, DeadLetter):
        return f"{record.source_topic}/{record.source_partition}/{record.source_offset}"
    return (key_of(record) or b"").decode()
