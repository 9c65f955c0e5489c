"""What the ledger says of a part, and what the manifest says of the file.

The file of an export is its parts in order. For gzip they are runs of deflate blocks on byte borders, for Parquet row
groups, so that head, parts and tail are one ordinary gzip member, one ordinary Parquet file, whose size and digests are
known without assembling it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cdr_exports.domain.events import ExportedFile, Totals
from cdr_exports.domain.identity import AccountId, ExportId


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The ledger's entry for one slice: which object holds it and what is in it.

    `rows` are data rows; `raw_bytes` and `crc32` are of the uncompressed bytes, `stored_bytes` and `sha256` of the object.
    Parquet compresses within: there is one kind of bytes, and both pairs are of the object. `footer` is what the end of a
    Parquet file will say of the part (FileMetaData, as if the part stood alone); empty for the others.
    `lane_*` are absolute figures of the slice's lane up to and with this slice.
    """

    slice: int
    object_name: str
    rows: int
    raw_bytes: int
    stored_bytes: int
    crc32: int
    sha256: str
    totals: Totals
    lane_slices_done: int
    lane_rows: int
    lane_bytes: int
    finished_at: datetime
    footer: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object of the file, and how many bytes of the file it is."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The list of a file's objects with what holds for the whole. An export is complete if and only if this exists.

    `head` and `tail` are the bytes of the file before the first and after the last object.
    """

    export_id: ExportId
    account_id: AccountId
    rows: int
    file: ExportedFile
    totals: Totals
    head: bytes
    objects: tuple[StoredObject, ...]
    tail: bytes
    columns: tuple[str, ...]
    data_through: datetime | None
    started_at: datetime
    completed_at: datetime
