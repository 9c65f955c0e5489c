"""`make demo` as a newcomer runs it: a stack of its own, an export, a check, and nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path

import psutil

from tests.e2e.installation import Installation, rows_of, sha256


def test_the_demo_exports_checks_and_cleans_up(tmp_path: Path) -> None:
    demo = Installation(tmp_path / "local", {})

    figures = json.loads(demo.run("demo", "--rows", "20000", "--once", "--json"))

    file = Path(figures["file"]).read_bytes()
    assert (sha256(file), len(file), rows_of(file)) == (figures["sha256"], figures["bytes"], 20_000)
    assert figures["rows"] == 20_000
    assert figures["rows_per_second"] > 0
    assert [each for each in psutil.process_iter(["cwd"]) if str(each.info["cwd"]).startswith(str(tmp_path))] == []
