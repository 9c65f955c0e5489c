"""An export as server-sent events (section 0.11 of the customer API): each state of it as an event `export`.

The id of an event says how much of the log the read model had applied: a client that comes back with it gets the present
state at once, and never one that is older than what it had.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import orjson
from starlette.requests import Request

from cdr_exports.domain.lifecycle import ExportState
from cdr_exports.projection.progress import Progress
from cdr_exports.projection.watching import Seen

HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}
STILL_HERE = b": still here\n\n"

Show = Callable[[ExportState], dict[str, Any]]
"""How an export is shown to whoever follows it: the resource object."""


async def messages(seen: AsyncGenerator[Seen | None, None], show: Show) -> AsyncGenerator[bytes, None]:
    """The bytes of a stream; what is followed is let go with it."""
    try:
        async for each in seen:
            yield STILL_HERE if each is None else _message(each, show)
    finally:
        await seen.aclose()


def last_event(request: Request) -> tuple[int, int] | None:
    """How much of the log stands behind the last event that the client has; None where it has none, or makes it up."""
    requests, _, facts = request.headers.get("last-event-id", "").strip().partition(":")
    if not all(text.isascii() and text.isdigit() and len(text) <= 18 for text in (requests, facts)):
        return None
    return int(requests), int(facts)


def event_id(progress: Progress) -> str:
    requests, facts = progress.applied
    return f"{requests}:{facts}"


def _message(seen: Seen, show: Show) -> bytes:
    return b"id: %s\nevent: export\ndata: %s\n\n" % (
        event_id(seen.progress).encode(),
        orjson.dumps(show(seen.state)),
    )
