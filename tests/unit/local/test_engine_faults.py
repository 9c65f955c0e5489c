"""Planted faults: which statement they meet, how often, and which rules are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdr_exports.local.engine_faults import Action, Faults


def planted(*rules: dict[str, Any]) -> Faults:
    faults = Faults()
    faults.plant(json.dumps(rules).encode())
    return faults


def test_a_rule_meets_the_statements_it_matches() -> None:
    faults = planted({"action": "drop", "match": "FROM\\s+cdrs"})

    assert faults.strike("SELECT 1") is None
    struck = faults.strike("SELECT *\nFROM cdrs")
    assert struck is not None
    assert struck.action is Action.DROP


def test_a_rule_strikes_as_often_as_it_says() -> None:
    faults = planted({"action": "drop", "times": 2})

    assert [faults.strike("x") is not None for _ in range(3)] == [True, True, False]


def test_rules_strike_in_their_order() -> None:
    faults = planted({"action": "drop"}, {"action": "status"})

    assert [fault.action for fault in (faults.strike("x"), faults.strike("x")) if fault] == [Action.DROP, Action.STATUS]


def test_what_is_left_can_be_read() -> None:
    faults = planted({"action": "drop", "times": 3}, {"action": "status", "match": "never"})

    faults.strike("x")

    assert [(rule["action"], rule["times"]) for rule in json.loads(faults.document())] == [("drop", 2), ("status", 1)]


def test_planting_replaces_what_was_planted() -> None:
    faults = planted({"action": "drop"})

    faults.plant(b"")

    assert faults.strike("x") is None


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"action": "explode"}, "action"),
        ({"action": "drop", "match": "("}, "not a regular expression"),
        ({"action": "drop", "times": 0}, "times"),
        ({"action": "drop", "afterbytes": 1}, "afterbytes"),
        ({"action": "error", "dialect": "polite"}, "dialect"),
    ],
)
def test_a_wrong_rule_is_refused_with_the_reason(rule: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        planted(rule)
