"""The rule of customer API 0.9 by example: it holds the oracle to it, to which the integration tests hold ClickHouse."""

from __future__ import annotations

import pytest

from tests.integration.processor.oracle import disarmed


@pytest.mark.parametrize(
    "value",
    ["=1+1", "+", "+1.5", "+49 30", "++1", "-", "-1e3", "-12.", "-.5", "--1", "-1\n", "@x", "\tx", "\r", "\n=1", "\0", "-١",
     "＝1", "＋1", "－1", "＠x"],
    ids=ascii,
)  # fmt: skip
def test_what_may_be_a_formula_is_disarmed(value: str) -> None:
    assert disarmed(value) == "'" + value


@pytest.mark.parametrize(
    "value", ["", "plain", "12.5", "-12", "-12.5", "+49301234567", "'=1", " =1", "a=1", "é", "2001:db8::1"], ids=ascii
)
def test_all_else_stays_as_it_is(value: str) -> None:
    assert disarmed(value) == value
