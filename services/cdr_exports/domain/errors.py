"""Errors, split by what the caller may do about them.

Adapters translate at their edge and chain the cause; no client library's exception crosses into the services.
"""

from __future__ import annotations

from enum import StrEnum


class FailureCode(StrEnum):
    """Why an export failed, as ExportFailed.code says it. The set grows; a code never changes its meaning."""

    INVALID_FILTERS = "invalid_filters"
    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_COLUMN = "unknown_column"
    QUOTA_EXCEEDED = "quota_exceeded"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    TOO_LARGE = "too_large"
    DATA_CHANGED = "data_changed"
    ENGINE_ERROR = "engine_error"
    STORAGE_ERROR = "storage_error"
    INTERNAL = "internal"


class CdrExportsError(Exception):
    """Any error that this project raises on purpose."""


class Rejected(CdrExportsError):
    """The request cannot be served as it stands: tell the requester, do not retry.

    `message` is one sentence that a customer may read: no hosts, SQL, ids of queries, other accounts.
    """

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Transient(CdrExportsError):
    """A dependency is down or slow: the same call may succeed later. Retry with backoff."""


class Poison(CdrExportsError):
    """A record that no retry will make readable: to the dead letters, with this text as the detail."""


class Misconfigured(CdrExportsError):
    """The process cannot run as it is set up: exit at start. Lists every fault at once."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
