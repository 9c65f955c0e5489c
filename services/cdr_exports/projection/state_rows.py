"""How the state of an export lies in a row of `exports`: whole, as JSON, beside the columns that SQL asks about.

The text is a function of the state, so that one log makes one read model, byte for byte. A field that a later version
adds to a record has a default there, which older rows then take.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from cdr_exports.domain.events import ExportCompleted
from cdr_exports.domain.lifecycle import ExportState

_STATE = TypeAdapter(ExportState)


def row_of(state: ExportState) -> dict[str, Any]:
    """The values of all columns."""
    request = state.request
    return {
        "export_id": state.export_id,
        "account_id": request.account_id if request else None,
        "status": state.status.value,
        "rows_count": state.terminal.rows if isinstance(state.terminal, ExportCompleted) else None,
        "created_at": request.occurred_at if request else None,
        "updated_at": state.updated_at,
        "time_format": request.time_format.value if request else None,
        "time_zone_name": _storable(request.time_zone_name) if request else None,
        "state": text_of(state),
    }


def text_of(state: ExportState) -> str:
    """Lanes in order, not as they came."""
    return _STATE.dump_json(replace(state, lanes=dict(sorted(state.lanes.items())))).decode()


def state_of(text: str) -> ExportState:
    """What `text_of` was given. Raises ValueError for a text that is no state."""
    return _STATE.validate_json(text)


def _storable(text: str | None) -> str | None:
    """PostgreSQL's text holds every character but NUL; such a name is no time zone anyway, and must not stop the fold."""
    return None if text is None else text.replace("\0", "\N{REPLACEMENT CHARACTER}")
