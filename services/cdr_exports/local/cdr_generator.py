"""Demo CDRs as SQL text that ClickHouse itself carries out: several 100 k rows/s, and no client library here.

Row i is a pure function of the seed, i, the number of rows, the accounts and the period: the same call makes the same
data, whatever the size of the batches. The data looks like traffic (busy days, quiet nights, most calls unanswered,
log-normal durations) and holds what breaks exports: NULLs, quotes, line breaks, emoji, IPv6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cdr_exports.domain.filters import micros
from cdr_exports.domain.identity import AccountId

SEEDS = 1 << 20
IDS_PER_SEED_BITS = 40
"""Rows of different seeds have different ids."""
DAY = 86_400_000_000
_SETTINGS = (
    "SETTINGS max_insert_threads = 2, min_insert_block_size_rows = 125000,"  # two cores sort and pack at the same time
    " max_partitions_per_insert_block = 0"  # a long period has many months
)


def insert_statements(
    *,
    table: str,
    rows: int,
    seed: int,
    accounts: Sequence[AccountId],
    period: tuple[datetime, datetime],
    batch_rows: int = 500_000,
) -> Iterator[str]:
    """INSERT statements that together make `rows` CDRs, spread over `accounts` (the first get most) and [from, to).

    Raises ValueError for figures that make no sense.
    """
    start, end = map(micros, period)
    if not accounts:
        raise ValueError("CDRs belong to an account: name at least one")
    if end - start < 1 or not 0 <= seed < SEEDS or rows < 0 or batch_rows < 1:
        raise ValueError("the period must not be empty, rows not negative, the seed from 0 to 1048575")
    for first in range(0, rows, batch_rows):
        yield _insert(table, seed, accounts, start, end, rows, first, min(batch_rows, rows - first))


def _insert(
    table: str, seed: int, accounts: Sequence[AccountId], start: int, end: int, rows: int, first: int, count: int
) -> str:
    expressions = ",\n  ".join(
        f"{meaning} AS {name}" for name, meaning in _intermediates(seed, accounts, start, end, rows)
    )
    columns = _columns(seed)
    selected = ",\n  ".join(f"{value} AS {name}" for name, value in columns.items())
    return (  # the text is made of numbers and of names that are settings, never of anything a user wrote
        f"INSERT INTO {table} ({', '.join(columns)})\n"
        f"WITH\n  {expressions}\nSELECT\n  {selected}\nFROM numbers_mt({first}, {count})\n{_SETTINGS}"
    )


def _hash(seed: int, stream: int) -> str:
    """64 random bits of a row; streams are independent of one another."""
    return f"intHash64(number * 32 + {seed * 1_000_003 + stream})"


def _uniform(seed: int, stream: int) -> str:
    """From 0 to below 1."""
    return f"(bitShiftRight({_hash(seed, stream)}, 11) / 9007199254740992.)"


def _intermediates(
    seed: int, accounts: Sequence[AccountId], start: int, end: int, rows: int
) -> Iterator[tuple[str, str]]:
    """What several columns of a row are made of, by name; later ones use earlier ones."""
    prefixes = "'380','44','49','1','33','39','48','7','90','86','91','34','31','46','47','358','372','371','370','420'"
    yield from ((f"h{stream}", _hash(seed, stream)) for stream in (3, 4, 5, 6))
    yield "account", _account(seed, accounts)
    # Evenly over the period, then within each whole day most around 14:00 and least around 02:00 UTC.
    yield "even_us", f"toInt64({start} + (number + {_uniform(seed, 2)}) / {rows} * {end - start})"
    yield "day_us", f"intDiv(even_us, {DAY}) * {DAY}"
    yield "day_share", f"(even_us - day_us) / {DAY}"
    yield "busy_share", "day_share - 0.11 * (sin(2 * pi() * (day_share - 0.55)) - 0.309017)"
    yield "busy_us", f"day_us + toInt64(least(greatest(busy_share, 0.), 0.9999999) * {DAY})"
    yield "start_us", f"if(day_us >= {start} AND day_us + {DAY} <= {end}, busy_us, least(even_us, {end - 1}))"
    yield "answered", "h3 % 10000 < 4500"
    yield "billed", "h3 % 60 != 0"
    normal = f"sqrt(-2 * log(1 - {_uniform(seed, 7)})) * cos(2 * pi() * {_uniform(seed, 8)})"
    yield "talk", f"toInt32(if(answered, least(greatest(exp(4.25 + 1.25 * {normal}), 1), 14400), 0))"
    yield "ring_us", "toInt64(500000 + h4 % 9000000)"
    yield "prefixes", f"[{prefixes}]"
    yield "prefix", "prefixes[1 + intDiv(h4, 64) % 20]"
    yield "caller", "concat(prefixes[1 + h4 % 20], leftPad(toString(h5 % 1000000000), 9, '0'))"
    yield "called", "concat(prefix, leftPad(toString(intDiv(h5, 1024) % 1000000000), 9, '0'))"
    yield "code", _choice("h3 % 97", {30: "487", 50: "486", 65: "404", 75: "480", 85: "503", 92: "408"}, "603")
    yield "final_code", "if(answered, 200, code)"
    yield "reason", _reason()
    yield "rate", "toInt64(5 + intHash64(account * 131 + intDiv(h4, 64) % 20) % 2500)"  # ten-thousandths a minute
    yield "step", "[60, 1, 6][1 + account % 3]"
    yield "billed_seconds", "toInt32(ceil(talk / step) * step)"
    yield "price", "toDecimal128(billed_seconds * rate, 20) / 600000"
    yield "cost", "toDecimal128(toInt64(talk) * rate * 83, 20) / 60000000"


def _account(seed: int, accounts: Sequence[AccountId]) -> str:
    numbers = ",".join(map(str, accounts))
    if len(accounts) == 1:
        return f"toUInt32({numbers})"
    return f"[{numbers}]::Array(UInt32)[1 + toUInt32(floor(pow({_uniform(seed, 1)}, 2) * {len(accounts)}))]"


def _choice(value: str, below: dict[int, str], otherwise: str) -> str:
    cases = ", ".join(f"{value} < {limit}, {result}" for limit, result in below.items())
    return f"multiIf({cases}, {otherwise})"


def _reason() -> str:
    reasons = {
        200: "Bye",
        487: "Request Terminated",
        486: "Busy Here",
        404: "Not Found",
        480: "Temporarily Unavailable",
        503: "Service Unavailable",
        408: "Request Timeout",
        603: "Decline",
    }
    texts = ", ".join(f"'{text}'" for text in reasons.values())
    return f"transform(final_code, [{', '.join(map(str, reasons))}], [{texts}], 'Unknown')"


def _columns(seed: int) -> dict[str, str]:
    """Every column of cdrs.sql. The generator knows no customers: an account's number stands in for its customer's."""
    return _identity(seed) | _outcome() | _numbers() | _transport() | _rating() | _network()


def _identity(seed: int) -> dict[str, str]:
    return {
        "id": f"toUInt64({seed << IDS_PER_SEED_BITS}) + number + 1",
        "uuid": "reinterpretAsUUID(concat(reinterpretAsFixedString(h3), reinterpretAsFixedString(h6)))",
        "local_tag": "if(h5 % 11 = 0, NULL, concat(hex(h6), '-', hex(toUInt32(h3)), '-', hex(toUInt32(h5))))",
        "orig_call_id": "concat(lower(hex(h4)), '-', lower(hex(h5)), '@198.51.100.', toString(h4 % 8 + 1))",
        "term_call_id": "if(h3 % 4 = 0, NULL, concat(lower(hex(h6)), '@203.0.113.', toString(h6 % 6 + 1)))",
        "global_tag": "lower(hex(h6))",
        "time_start": "fromUnixTimestamp64Micro(start_us, 'UTC')",
        "time_connect": "if(answered, fromUnixTimestamp64Micro(start_us + ring_us, 'UTC'), NULL)",
        "time_end": "fromUnixTimestamp64Micro(start_us + ring_us + toInt64(talk) * 1000000 + h6 % 1000000, 'UTC')",
        "date_start": "toDate(time_start)",
        "customer_id": "account",
        "customer_acc_id": "account",
        "customer_auth_id": "toUInt32(account * 4 + h4 % 4)",
        "vendor_id": "toUInt32(1 + h6 % 150)",
        "vendor_acc_id": "toUInt32(1 + h6 % 300)",
        "orig_gw_id": "toUInt32(account * 2 + h6 % 2)",
        "term_gw_id": "if(h6 % 50 = 0, 0, toUInt32(1 + h6 % 400))",
        "customer_external_id": "if(account % 2 = 0, NULL, toInt64(account) - 50)",
        "customer_acc_external_id": "if(account % 2 = 0, NULL, toInt64(account) * 10)",
        "customer_auth_external_id": "NULL",
        "customer_auth_external_type": "NULL",
        "customer_auth_name": "concat('trunk ', toString(h4 % 4))",
        "vendor_external_id": "NULL",
        "vendor_acc_external_id": "NULL",
        "orig_gw_external_id": "NULL",
        "term_gw_external_id": "NULL",
    }


def _outcome() -> dict[str, str]:
    return {
        "success": "answered",
        "duration": "talk",
        "customer_duration": "if(billed, billed_seconds, NULL)",
        "vendor_duration": "if(billed, talk, NULL)",
        "is_last_cdr": "answered OR h3 % 4 = 0",
        "routing_attempt": "toUInt8(1 + h3 % 3)",
        "disconnect_initiator_id": "toInt8(h4 % 4)",
        "lega_disconnect_code": "if(h6 % 200 = 0, NULL, final_code)",
        "lega_disconnect_reason": "if(h6 % 200 = 0, NULL, reason)",
        "legb_disconnect_code": "if(h6 % 5 = 0, NULL, final_code)",
        "legb_disconnect_reason": "if(h6 % 5 = 0, NULL, reason)",
        "internal_disconnect_code": "final_code",
        "internal_disconnect_code_id": "toInt16(final_code)",
        "internal_disconnect_reason": "reason",
        "failed_resource_type_id": "NULL",
        "failed_resource_id": "NULL",
    }


def _numbers() -> dict[str, str]:
    names = _choice(
        "h5 % 100",
        {
            20: "NULL",
            30: "concat('Support \"', toString(h5 % 90), '\", Desk')",
            33: "'Zoë 📞 Łukasz'",
            35: "'two\\nlines'",
            37: "''",
            38: "'=1+1'",
        },
        "caller",
    )
    return {
        "src_name_in": names,
        "src_prefix_in": "caller",
        "dst_prefix_in": "called",
        "src_prefix_routing": "caller",
        "dst_prefix_routing": "called",
        "src_prefix_out": "caller",
        "dst_prefix_out": "if(h3 % 4 = 0, NULL, called)",
        "diversion_in": "if(h6 % 33 = 0, concat('<sip:', caller, '@198.51.100.7>;reason=unconditional'), NULL)",
    }


def _transport() -> dict[str, str]:
    agents = (
        "'Asterisk PBX 20.5.0', 'FreeSWITCH-mod_sofia/1.10.11-release', 'Kamailio (5.7.4)', 'Cisco-SIPGateway/IOS-17.6',"
        " 'Oracle ESBC', 'Yealink SIP-T46S 66.86.0.15', 'VOS3000 V2.1.8.05'"
    )
    addresses = {5: "''", 10: "concat('2001:db8::', lower(hex(toUInt16(account))), ':', toString(h4 % 8 + 1))"}
    return {
        "from_domain": "concat('sip', toString(account % 40), '.customer.example.net')",
        "to_domain": "if(h6 % 70 = 0, NULL, concat('sbc', toString(h6 % 6), '.carrier.example.com'))",
        "ruri_domain": "concat('sbc', toString(h6 % 6), '.carrier.example.com')",
        "auth_orig_ip": _choice(
            "h4 % 100", addresses, "concat('198.51.', toString(account % 200), '.', toString(h4 % 8 + 1))"
        ),
        "auth_orig_port": "if(h4 % 100 < 5, NULL, toUInt16(if(h4 % 3 = 0, 1024 + h5 % 60000, 5060)))",
        "auth_orig_transport_protocol_id": "toUInt8(1 + h4 % 3)",
        "lega_user_agent": f"transform(h6 % 8, [0,1,2,3,4,5,6], [{agents}], NULL)",
        "legb_user_agent": "NULL",
        "sign_orig_ip": "concat('192.0.2.', toString(h4 % 4 + 1))",
        "sign_term_ip": "if(h3 % 4 = 0, '', concat('203.0.113.', toString(h6 % 6 + 1)))",
    }


def _rating() -> dict[str, str]:
    return {
        "destination_id": "toUInt32(if(billed, 1 + intDiv(h4, 64) % 20, 0))",
        "dialpeer_id": "toUInt32(1 + h6 % 900)",
        "rateplan_id": "toUInt32(1 + account % 7)",
        "routing_plan_id": "toUInt32(1 + account % 5)",
        "routing_group_id": "toUInt32(1 + h6 % 60)",
        "destination_prefix": "if(billed, concat(prefix, toString(intDiv(h5, 1024) % 100)), NULL)",
        "destination_initial_interval": "if(billed, toInt32(step), NULL)",
        "destination_next_interval": "if(billed, toInt32(step), NULL)",
        "destination_initial_rate": "if(billed, toDecimal64(rate, 8) / 10000, NULL)",
        "destination_next_rate": "if(billed, toDecimal64(rate, 8) / 10000, NULL)",
        "destination_fee": "if(billed, toDecimal64(0, 8), NULL)",
        "customer_price": "if(billed, price, NULL)",
        "customer_price_no_vat": "if(billed, price, NULL)",
        "vendor_price": "if(billed, cost, NULL)",
        "profit": "if(billed, price - cost, NULL)",
        "routing_tag_ids": "if(h6 % 9 = 0, [toInt16(1 + h6 % 5)], [])",
    }


def _network() -> dict[str, str]:
    return {
        "src_country_id": "toUInt16(1 + h4 % 20)",
        "dst_country_id": "toUInt16(1 + intDiv(h4, 64) % 20)",
        "src_network_id": "toUInt32(1 + h4 % 300)",
        "dst_network_id": "toUInt32(1 + h5 % 300)",
        "pop_id": "toUInt32(1 + h6 % 3)",
        "node_id": "toUInt32(1 + h6 % 6)",
        "routing_delay": "toFloat32(h6 % 50) / 1000",
        "pdd": "toFloat32(ring_us) / 1000000",
        "rtt": "if(answered, toFloat32(h6 % 300) / 1000, NULL)",
    }
