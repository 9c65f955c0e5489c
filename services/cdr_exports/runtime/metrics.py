"""Every metric: type, labels, meaning and what to do about it. The documentation is generated from here.

Base units; labels from closed sets, never an id, an account, a path or a message. Every label set exists at 0 from the
start: a counter that is born at 1 is invisible to `increase()`. A registry belongs to one process and is made by its
composition root.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from cdr_exports import __version__
from cdr_exports.domain.errors import FailureCode

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
WORK_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """`labels` maps each label to its closed set of values; None where the set is bounded by the topics (partitions)."""

    kind: type[Counter] | type[Gauge] | type[Histogram]
    name: str
    meaning: str
    action: str = "None by itself."
    labels: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    buckets: Sequence[float] = SECONDS


METRICS = (
    Metric(
        kind=Gauge, name="build_info", meaning="1; the labels say which version of which service runs.",
        labels={"service": None, "version": None},
    ),
    Metric(
        kind=Counter, name="http_requests", meaning="HTTP requests answered.", action="5xx: read the service's log.",
        labels={"route": None, "method": None, "code": None},
    ),
    Metric(
        kind=Histogram, name="http_request_duration_seconds",
        meaning="Time to the last byte of an answer, downloads apart.",
        labels={"route": None, "method": None},
    ),
    Metric(
        kind=Counter, name="accepted", meaning="Requests for an export that were accepted into the log.",
        labels={"source": ("http", "kafka")},
    ),
    Metric(
        kind=Counter, name="rejected", meaning="Requests for an export that were refused.",
        action="A jump of one reason: has a client or a deployment changed?",
        labels={"reason": ("invalid", "auth", "quota", "overload", "too_large", "conflict")},
    ),
    Metric(kind=Histogram, name="produce_duration_seconds", meaning="Time until Kafka acknowledged an accepted request."),
    Metric(
        kind=Counter, name="produce_unknown_outcome", meaning="Requests that Kafka did not acknowledge in time: 503.",
        action="Kafka is slow or away: see the runbook of Kafka.",
    ),
    Metric(
        kind=Gauge, name="exports_running", meaning="Slices of exports that this worker makes just now.",
    ),
    Metric(
        kind=Histogram, name="slice_duration_seconds", meaning="Time to make one slice, verified and stored.",
        buckets=WORK_SECONDS,
    ),
    Metric(kind=Counter, name="rows_exported", meaning="CDRs written into committed parts."),
    Metric(kind=Counter, name="bytes_exported", meaning="Bytes of committed parts, as stored."),
    Metric(
        kind=Counter, name="retries", meaning="Attempts that were made again.",
        action="Which dependency is it? See its runbook.",
        labels={"dependency": ("clickhouse", "store", "kafka")},
    ),
    Metric(
        kind=Counter, name="verification_failures", meaning="Bytes that a check refused before they could get into a file.",
        action="Page. No file is wrong, but something upstream is.",
        labels={"check": ("error_text", "rows", "digest", "transfer", "totals")},
    ),
    Metric(
        kind=Counter, name="terminal", meaning="Exports that ended, by outcome and by whose fault.",
        labels={"outcome": ("completed", "failed", "deleted"), "fault": ("none", "customer", "service")},
    ),
    Metric(
        kind=Counter, name="failures", meaning="Failed exports by code.",
        labels={"code": tuple(code.value for code in FailureCode)}
    ),
    Metric(
        kind=Histogram, name="request_to_terminal_seconds", meaning="From the request to the end of an export.",
        buckets=WORK_SECONDS,
    ),
    Metric(
        kind=Counter, name="dead_letters", meaning="Records that could not be used and were put aside.",
        action="`cdr-exports dead-letters list`; mend the publisher.",
        labels={"topic": ("requests", "slices", "events", "accounts", "api_accesses")},
    ),
    Metric(
        kind=Gauge, name="consumer_lag_records", meaning="Records of a partition not yet processed.",
        action="Growing: add workers, or see what holds the oldest record.",
        labels={"topic": None, "partition": None},
    ),
    Metric(
        kind=Gauge, name="last_progress_timestamp_seconds", meaning="When this process last finished a record.",
        labels={"topic": ("requests", "slices", "events", "directory")},
    ),
    Metric(kind=Gauge, name="projection_lag_seconds", meaning="Age of the oldest record not yet applied; 0 = caught up."),
    Metric(kind=Histogram, name="projection_apply_duration_seconds", meaning="Time to fold one batch into the read model."),
    Metric(kind=Counter, name="projection_duplicates", meaning="Records read that changed nothing."),
    Metric(
        kind=Counter, name="terminal_conflicts", meaning="Second, different endings of one export; ignored.",
        action="Page: two workers disagreed about an export.",
    ),
    Metric(kind=Histogram, name="read_wait_seconds", meaning="How long a reader waited for the projection to catch up."),
    Metric(kind=Gauge, name="event_loop_lag_seconds", meaning="How late the event loop was at the last look."),
)  # fmt: skip


class Registry:
    """The metrics of one process."""

    def __init__(self, *, service: str) -> None:
        self.collector = CollectorRegistry()
        self._metrics: dict[str, Any] = {}
        for metric in METRICS:
            self._metrics[metric.name] = self._make(metric)
        self._metrics["build_info"].labels(service=service, version=__version__).set(1)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        self._of(name, labels).inc(amount)

    def set(self, name: str, value: float, **labels: str) -> None:
        self._of(name, labels).set(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        self._of(name, labels).observe(value)

    def forget(self, name: str, *label_values: str) -> None:
        """Removes one label set: a lag gauge of a partition that was handed on must vanish, not freeze."""
        self._metrics[name].remove(*label_values)

    def _of(self, name: str, labels: Mapping[str, str]) -> Any:
        metric = self._metrics[name]
        return metric.labels(**labels) if labels else metric

    def _make(self, metric: Metric) -> Any:
        options: dict[str, Any] = {"buckets": metric.buckets} if metric.kind is Histogram else {}
        made = metric.kind(
            metric.name,
            metric.meaning,
            tuple(metric.labels),
            namespace="cdr_export",
            registry=self.collector,
            **options,
        )
        closed = [values for values in metric.labels.values() if values is not None]
        if len(closed) == len(metric.labels) and closed:
            for values in itertools.product(*closed):
                made.labels(*values)
        return made


def exposition(registry: Registry, accept: str) -> tuple[bytes, str]:
    """What Prometheus reads, in the text format that the header `accept` prefers, and its media type."""
    encode, media_type = choose_encoder(accept)
    return encode(registry.collector), media_type
