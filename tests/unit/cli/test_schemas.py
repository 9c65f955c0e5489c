"""`schemas check` on this installation's schemas and on spoilt ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cdr_exports.contract.resources import repository_path
from tests.unit.cli.scripted_api import Run


def test_the_published_schemas_pass(run: Run) -> None:
    ran = run("schemas", "check")

    assert (ran.code, ran.err) == (0, "")


def test_an_edited_schema_is_told(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    shutil.copytree(repository_path("schemas"), folder)
    edited = folder / "SliceReady.v1.avsc"
    edited.write_text(edited.read_text().replace('"lane"', '"track"'))

    ran = run("schemas", "check", "--folder", folder, "--json")

    assert ran.code == 1
    assert any("SliceReady" in fault for fault in json.loads(ran.out))
    assert "faults in the schemas" in ran.err
