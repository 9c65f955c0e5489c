"""CDRs with the contents that break exports, any number of them, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.integration.processor.exports import row
from tests.integration.processor.oracle import DECIMALS, TEXTS

NASTY_TEXTS = [
    "", " ", "plain", 'say "hi"', "a\nb", "a\r\nb", "комма,", "😀", "nul\x00byte", "\x7f\x1f", "\u2028\u2029", "back\\slash",
    "a/b", "'", '"', "\\N", "NULL", "null", "{}", '"}\n{"', "}\n{", '{"time_start":"x"}', "PAR1", "x" * 5000,
    "=1+1", "+49301234567", "+49 30", "+", "++1", "+1.5", "-", "-12.5", "-12", "-12.", "-.5", "--1", "-1e3", "-1\n", "@x",
    "\t", "\tx", "\r", "\n=1", "\0x", "＝1", "＋1", "－1", "＠x", "'=1", " =1", "12.5", "＝", "é=1", "-١",
    "Code: 159. DB::Exception: x\n", "\r\n__exception__\r\nabcdefghijklmnop\r\nCode: 159. DB::Exception: x\n",
]  # fmt: skip
"""Each is a text that some format, some dialect or some check might take for its own."""


def nasty_cdrs(count: int, start: datetime, *, seed: int) -> Iterator[Mapping[str, Any]]:
    """Some share their microsecond, many values are NULL, every nasty text comes in every column if `count` allows."""
    chance = random.Random(seed)
    at = start
    for number in range(count):
        at += timedelta(microseconds=chance.choice([0, 1, 999_999, 1_000_000, 61_118_457]))
        yield dict(row(number, at, **_columns(chance, number, at)))


def _columns(chance: random.Random, number: int, at: datetime) -> dict[str, Any]:
    texts = {
        name: NASTY_TEXTS[(number + place) % len(NASTY_TEXTS)] if chance.random() < 0.8 else None
        for place, name in enumerate(TEXTS)
    }
    texts["auth_orig_ip"] = texts["auth_orig_ip"] or ""
    integers = {
        "duration": chance.choice([0, 7, -1, 2**31 - 1, -(2**31)]),
        "lega_disconnect_code": chance.choice([None, 200, 487, -1]),
        "auth_orig_port": chance.choice([None, 0, 5060, 65535]),
        "destination_initial_interval": chance.choice([None, 60]),
        "customer_duration": chance.choice([None, 0, 60]),
    }
    decimals = {name: _decimal(chance, scale) for name, scale in DECIMALS.items()}
    connected = (at + timedelta(microseconds=500_000)).strftime("%Y-%m-%d %H:%M:%S.%f")
    return {
        **texts, **integers, **decimals,
        "success": number % 2 == 0,
        "time_connect": connected if chance.random() < 0.5 else None,
    }  # fmt: skip


def _decimal(chance: random.Random, scale: int) -> str | None:
    """Without trailing zeros, as ClickHouse writes it."""
    least = "0." + "0" * (scale - 1) + "1"
    return chance.choice([None, "0", "1", "-12.5", "0.05", least, "-" + least, "1234567890.1"])
