"""What a request asks of the engine, read from its URL and headers: who asks, under which settings, with which values."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from cdr_exports.local.engine_errors import refusal

_NO_SETTINGS = frozenset({
    "query", "database", "user", "password", "quota_key", "session_id", "session_timeout", "session_check", "query_id",
    "buffer_size", "wait_end_of_query", "http_wait_end_of_query", "compress", "decompress", "default_format", "role",
    "client_protocol_version", "stacktrace",
})  # fmt: skip
_OF_TRANSPORT = frozenset({
    "send_progress_in_http_headers", "http_headers_progress_interval_ms", "enable_http_compression",
    "cancel_http_readonly_queries_on_client_close", "http_zlib_compression_level",
})  # fmt: skip
"""Settings of a server's HTTP side, which chDB has not; a query is always cancelled when its client goes."""
SESSION_SECONDS = 60
SEND_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, without its statement."""

    query_id: str
    sql_in_url: str
    database: str | None
    default_format: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    session_id: str | None
    session_seconds: int
    send_seconds: float
    """How long a client that does not read is waited for."""
    sends_at_end: bool
    """Nothing goes out before the query has ended, so that every error has a status."""


def read_call(fields: Mapping[str, str], *, setting_names: frozenset[str], may_write: bool) -> Call:
    """`fields` are those of the URL, with a query id. Raises EngineError for an unknown setting."""
    settings = {name: value for name, value in fields.items() if _is_setting(name)}
    if unknown := settings.keys() - setting_names:
        raise refusal(115, "UNKNOWN_SETTING", f"Setting {min(unknown)} is neither a builtin setting nor user-defined")
    if not may_write:
        settings.setdefault("readonly", "2")
    return Call(
        query_id=fields["query_id"],
        sql_in_url=fields.get("query", ""),
        database=fields.get("database"),
        default_format=fields.get("default_format", "TabSeparated"),
        settings=settings,
        parameters={name[6:]: value for name, value in fields.items() if name.startswith("param_")},
        session_id=fields.get("session_id"),
        session_seconds=int(fields.get("session_timeout") or SESSION_SECONDS),
        send_seconds=float(settings.get("http_send_timeout") or SEND_SECONDS),
        sends_at_end=fields.get("wait_end_of_query", "0") not in ("", "0"),
    )


def authenticate(fields: Mapping[str, str], headers: Mapping[str, str], *, user: str, password: str) -> None:
    """Raises EngineError unless the request shows the one user and its password, in any of ClickHouse's three ways."""
    shown_user = headers.get("x-clickhouse-user") or fields.get("user") or "default"
    shown_password = headers.get("x-clickhouse-key") or fields.get("password") or ""
    authorization = headers.get("authorization") or ""
    if authorization.lower().startswith("basic "):
        try:
            shown_user, _, shown_password = base64.b64decode(authorization[6:]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            shown_password = ""
    if shown_user != user or not hmac.compare_digest(shown_password.encode(), password.encode()):
        why = f"{shown_user}: Authentication failed: password is incorrect, or there is no user with such name"
        raise refusal(516, "AUTHENTICATION_FAILED", why)


def _is_setting(name: str) -> bool:
    return name not in _NO_SETTINGS and name not in _OF_TRANSPORT and not name.startswith("param_")
