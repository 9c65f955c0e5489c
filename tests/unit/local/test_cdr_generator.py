"""The text of the statements that make demo CDRs; what they make is tested on the engine."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from cdr_exports.domain.identity import AccountId
from cdr_exports.local.cdr_generator import insert_statements

JULY = (datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC))


def statements(**changes: Any) -> list[str]:
    wanted: dict[str, Any] = {"table": "cdrs", "rows": 10, "seed": 1, "accounts": [AccountId(71)], "period": JULY}
    return list(insert_statements(**(wanted | changes)))


def test_every_column_of_the_table_is_filled() -> None:
    table = files("cdr_exports.local").joinpath("cdrs.sql").read_text()
    columns = re.findall(r"^    ([a-z]\w+) ", table, re.MULTILINE)

    inserted = re.match(r"INSERT INTO cdrs \((.+)\)", statements()[0])

    assert inserted is not None
    assert inserted[1].split(", ") == columns


def test_rows_come_in_batches() -> None:
    ranges = [re.findall(r"numbers_mt\((\d+), (\d+)\)", each) for each in statements(rows=25, batch_rows=10)]

    assert ranges == [[("0", "10")], [("10", "10")], [("20", "5")]]


def test_no_rows_are_no_statement() -> None:
    assert statements(rows=0) == []


def test_the_same_call_is_the_same_text() -> None:
    assert statements() == statements()


@pytest.mark.parametrize(
    "changes",
    [{"accounts": []}, {"period": (JULY[1], JULY[0])}, {"period": (JULY[0], JULY[0])}, {"seed": -1}, {"seed": 1 << 20},
     {"rows": -1}, {"batch_rows": 0}],
    ids=["no account", "backwards", "empty", "negative seed", "large seed", "negative rows", "empty batches"],
)  # fmt: skip
def test_figures_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"account|period"):
        statements(**changes)
