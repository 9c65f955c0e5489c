"""Log records: one JSON object a line, and no value of a variable in them."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import logging
from cdr_exports.runtime import logs
logs.configure(level="INFO", form={form!r}, service="test")
def fails(token):
    raise ValueError("broken")
log = logs.logger("x")
with logs.context(export_id="e1"):
    log.info("slice.exported", rows=3)
try:
    fails("ey-secret")
except ValueError:
    log.exception("work.failed")
logging.getLogger("library").warning("said %s", "so")
"""


def logged(form: str) -> str:
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(form=form)], capture_output=True, text=True, check=True)
    return done.stderr


def test_each_record_is_a_json_object_with_its_context() -> None:
    records = [json.loads(line) for line in logged("json").splitlines()]

    assert [each["event"] for each in records] == ["slice.exported", "work.failed", "said so"]
    assert (records[0]["export_id"], records[0]["rows"], records[0]["service"]) == ("e1", 3, "test")
    assert "export_id" not in records[1]
    assert records[2]["logger"] == "library"


def test_a_traceback_shows_no_values() -> None:
    for form in "json", "console":
        text = logged(form)

        assert "ValueError" in text
        assert "fails" in text
        assert "ey-secret" not in text.replace('fails("ey-secret")', "")
