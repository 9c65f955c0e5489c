"""The published schemas as they lie in `schemas/`: one file a record and version, `<Record>.v<N>.avsc`.

Only the files' names and JSON are looked at here; what the schemas mean is left to the codec.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdr_exports.contract.resources import repository_path
from cdr_exports.domain.errors import Misconfigured

NAMESPACE = "cdr_exports.v1"
_NAME = re.compile(r"([A-Z][A-Za-z]*)\.v([1-9][0-9]*)\.avsc")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFile:
    """One version of one record's schema."""

    record: str
    version: int
    definition: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.record}.v{self.version}.avsc"


def load_schema_files(folder: Path | None = None) -> tuple[SchemaFile, ...]:
    """All schemas of the folder (of the installation, by default), by record and version. Raises Misconfigured."""
    files, faults = [], []
    for path in (folder or repository_path("schemas")).glob("*.avsc"):
        named = _NAME.fullmatch(path.name)
        try:
            definition = json.loads(path.read_bytes())
        except ValueError as error:
            faults.append(f"{path.name}: no JSON: {error}")
            continue
        if named is None or not isinstance(definition, dict):
            faults.append(f"{path.name}: a schema is one record in a file called <Record>.v<N>.avsc")
            continue
        files.append(SchemaFile(record=named[1], version=int(named[2]), definition=definition))
    if faults:
        raise Misconfigured(sorted(faults))
    return tuple(sorted(files, key=lambda file: (file.record, file.version)))
