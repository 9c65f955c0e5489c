"""The SQL text is constant: values travel as parameters, names come from the domain's list."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdr_exports.domain.filters import CsvDialect, FileFormat, TimeFormat
from cdr_exports.domain.slices import Plan
from cdr_exports.processor import query
from cdr_exports.processor.formats import format_of
from tests.unit.plans import plan_of

PLAN = plan_of(slices=1, lanes=1)


def rows(plan: Plan) -> query.Query:
    return query.rows("cdrs", plan, format_of(plan.file_format).expressions(plan), 0, 1)


@given(st.text(max_size=40), st.text(max_size=40), st.integers(-(2**31), 2**31 - 1))
def test_no_value_gets_into_the_text(source: str, destination: str, duration: int) -> None:
    def filtered(src: str, dst: str, seconds: int) -> Any:
        filters = replace(PLAN.filters, src_prefix_routing_eq=src, dst_prefix_routing_eq=dst, duration_eq=seconds)
        return rows(replace(PLAN, filters=filters))

    asked = filtered(source, destination, duration)

    assert asked.sql == filtered("a", "b", 1).sql
    assert asked.params["src_prefix_routing_eq"] == source.strip()
    assert asked.params["duration_eq"] == duration


@pytest.mark.parametrize("name", query.CONDITIONS)
def test_every_parameter_in_the_text_has_a_value(name: str) -> None:
    value: dict[str, Any] = {name: "1" if query.CONDITIONS[name][1] == "String" else 1}
    filters = replace(PLAN.filters, **value)
    plan = replace(PLAN, filters=filters)

    for asked in (
        rows(plan),
        query.totals("cdrs", plan, 0, 1),
        query.histogram("cdrs", plan.account_id, filters, 0, 1, 1),
    ):
        named = set(re.findall(r"\{(\w+):", asked.sql))
        assert named <= set(asked.params)
        assert name in named


def test_false_and_zero_are_conditions() -> None:
    filters = replace(PLAN.filters, success_eq=False, duration_eq=0)

    asked = rows(replace(PLAN, filters=filters))

    assert "success = {success_eq:Bool}" in asked.sql
    assert "duration = {duration_eq:Int32}" in asked.sql


@pytest.mark.parametrize("file_format", FileFormat)
@pytest.mark.parametrize("csv_dialect", CsvDialect)
@pytest.mark.parametrize("time_format", TimeFormat)
def test_rows_of_one_account_only(file_format: FileFormat, csv_dialect: CsvDialect, time_format: TimeFormat) -> None:
    asked = rows(replace(PLAN, file_format=file_format, csv_dialect=csv_dialect, time_format=time_format))

    assert "customer_acc_id = {account_id:UInt32}" in asked.sql
    assert asked.params["account_id"] == PLAN.account_id
    assert set(re.findall(r"\{(\w+):", asked.sql)) <= set(asked.params)


@pytest.mark.parametrize("file_format", FileFormat)
def test_a_column_for_each_column_of_the_plan_in_its_order(file_format: FileFormat) -> None:
    plan = replace(PLAN, file_format=file_format, columns=("duration", "time_start", "auth_orig_ip"))

    expressions = format_of(file_format).expressions(plan)

    assert [re.findall(r"duration|time_start|auth_orig_ip", each)[0] for each in expressions] == list(plan.columns)
