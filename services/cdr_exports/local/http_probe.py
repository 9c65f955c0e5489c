"""Asking a server on loopback over HTTP whether it does its work."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping

from cdr_exports.domain.errors import Transient

PROBE_SECONDS = 2


async def probe_http(port: int, path: str, headers: Mapping[str, str] | None = None) -> None:
    """Returns if GET `path` is answered with 200. Raises Transient."""
    await asyncio.to_thread(_get, port, path, headers or {})


def _get(port: int, path: str, headers: Mapping[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_SECONDS)  # takes no proxy
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read(500)
    except (OSError, http.client.HTTPException) as error:
        raise Transient(f"no answer on port {port}: {error!r}") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise Transient(f"port {port} answers {answer.status}: {body.decode(errors='replace').strip()}")
