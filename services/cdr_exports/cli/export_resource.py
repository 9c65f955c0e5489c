"""An export as the API shows it, read from its resource object into what the commands ask for.

Lenient: a server without our `meta` still has a status and a number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

COMPLETED, ENDED = "Completed", frozenset({"Completed", "Failed", "Deleted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What the API says of a completed file. `totals` as in the resource: names with dashes."""

    name: str
    bytes: int
    sha256: str
    rows: int
    totals: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """`resource` is the resource object as it came."""

    id: str
    status: str
    stage: str
    percent: float
    rows: int | None
    rows_total: int | None
    bytes: int
    failure: str | None
    created_at: str
    file: FileFacts | None
    resource: Mapping[str, Any]

    @classmethod
    def of(cls, resource: Mapping[str, Any]) -> Self:
        attributes, meta = resource["attributes"], resource.get("meta") or {}
        progress, failure, file = meta.get("progress") or {}, meta.get("failure"), meta.get("file")
        return cls(
            id=resource["id"],
            status=attributes["status"],
            stage=meta.get("stage", attributes["status"].lower()),
            percent=progress.get("percent", 100.0 if attributes["status"] == COMPLETED else 0.0),
            rows=progress.get("rows-exported", attributes.get("rows-count")),
            rows_total=progress.get("rows-total"),
            bytes=progress.get("bytes", 0),
            failure=f"{failure['code']}: {failure['message']}" if failure else None,
            created_at=attributes["created-at"],
            file=_file(file) if file else None,
            resource=resource,
        )

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def file_name(self) -> str:
        """What to call the file: never a path, whatever the server says."""
        name = (self.file.name if self.file else "").replace("\\", "/").rpartition("/")[2].lstrip(".")
        return name or f"{self.id}.csv.gz"


def _file(meta: Mapping[str, Any]) -> FileFacts:
    return FileFacts(
        name=meta["name"],
        bytes=meta["bytes"],
        sha256=meta["sha256"],
        rows=meta["rows"],
        totals=meta.get("totals") or {},
    )
