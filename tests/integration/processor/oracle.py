"""The file as plain Python would write it, from section 11 of the customer API and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HEADER = (
    "Time Start,Time Connect,Time End,Success,Duration,Src Name In,Src Prefix In,Dst Prefix In,From Domain,To Domain,"
    "Ruri Domain,Lega Disconnect Code,Lega Disconnect Reason,Auth Orig Ip,Auth Orig Port,Src Prefix Routing,"
    "Dst Prefix Routing,Destination Prefix,Destination Initial Interval,Destination Next Interval,"
    "Destination Initial Rate,Destination Next Rate,Destination Fee,Customer Price,Customer Duration,Orig Call,"
    "Local Tag,Lega User Agent,Diversion In\n"
)
COLUMNS = [
    "time_start",
    "time_connect",
    "time_end",
    "success",
    "duration",
    "src_name_in",
    "src_prefix_in",
    "dst_prefix_in",
    "from_domain",
    "to_domain",
    "ruri_domain",
    "lega_disconnect_code",
    "lega_disconnect_reason",
    "auth_orig_ip",
    "auth_orig_port",
    "src_prefix_routing",
    "dst_prefix_routing",
    "destination_prefix",
    "destination_initial_interval",
    "destination_next_interval",
    "destination_initial_rate",
    "destination_next_rate",
    "destination_fee",
    "customer_price",
    "customer_duration",
    "orig_call_id",
    "local_tag",
    "lega_user_agent",
    "diversion_in",
]


TEXTS = [
    "src_name_in", "src_prefix_in", "dst_prefix_in", "from_domain", "to_domain", "ruri_domain",
    "lega_disconnect_reason", "auth_orig_ip", "src_prefix_routing", "dst_prefix_routing", "destination_prefix",
    "orig_call_id", "local_tag", "lega_user_agent", "diversion_in",
]  # fmt: skip
DECIMALS = {
    "destination_initial_rate": 8, "destination_next_rate": 8, "destination_fee": 8, "customer_price": 20,
}  # fmt: skip
"""With their scales."""


def csv_file(rows: Iterable[Mapping[str, Any]], *, zone: str, time_format: str, safe: bool = False) -> bytes:
    """`rows` as they were inserted (JSONEachRow values), in any order."""
    return (HEADER + "".join(_line(row, zone, time_format, safe) for row in newest_first(rows))).encode()


def json_members(rows: Iterable[Mapping[str, Any]], *, zone: str, time_format: str) -> Iterator[list[tuple[str, Any]]]:
    """The members of each object of a JSON Lines file, in order."""
    for row in newest_first(rows):
        yield [(name, _json(name, value, zone, time_format)) for name, value in values(row)]


def parquet_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, as a reader gives them to Python."""
    for row in newest_first(rows):
        yield {name: _typed(name, value) for name, value in values(row)}


def newest_first(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: (row["time_start"], row["id"]), reverse=True)


def values(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The 29 columns; None where the file has nothing."""
    defaults = {"success": False, "duration": 0, "auth_orig_ip": ""}
    for name in COLUMNS:
        value = row.get(name, defaults.get(name))
        yield name, None if name == "auth_orig_ip" and value == "" else value


def disarmed(value: str) -> str:
    """Customer API, 0.9, in other words than the program's."""
    if value[:1] not in set("=+-@\t\r\n\0＝＋－＠"):
        return value
    is_plain_number = re.fullmatch(r"-\d+(\.\d+)?", value, re.ASCII) is not None
    is_telephone_number = value[0] == "+" and value[1:].isascii() and value[1:].isdigit()
    return value if is_plain_number or is_telephone_number else "'" + value


def _line(row: Mapping[str, Any], zone: str, time_format: str, safe: bool) -> str:
    texts = []
    for name, value in values(row):
        text = _text(name, value, zone, time_format)
        texts.append(disarmed(text) if safe and name in TEXTS and text is not None else text)
    return ",".join("" if text is None else '"' + text.replace('"', '""') + '"' for text in texts) + "\n"


def _json(name: str, value: Any, zone: str, time_format: str) -> Any:
    if name == "success":
        return bool(value)
    if value is None or not (name.startswith("time_") or name in DECIMALS):
        return value
    return _text(name, value, zone, time_format)


def _typed(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.startswith("time_"):
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    if name in DECIMALS:
        return Decimal(value)
    return bool(value) if name == "success" else value


def _text(name: str, value: Any, zone: str, time_format: str) -> str | None:
    if value is None:
        return None
    if name.startswith("time_"):
        return _instant(datetime.strptime(value, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC), zone, time_format)
    if name == "success":
        return "t" if value else "f"
    return str(value)


def _instant(instant: datetime, zone: str, time_format: str) -> str:
    local = instant.astimezone(ZoneInfo(zone))
    text = local.strftime("%Y-%m-%d %H:%M:%S")
    if time_format == "round_to_seconds":
        return text
    if local.microsecond:
        text += f".{local.microsecond:06d}".rstrip("0")
    if time_format == "without_timezone":
        return text
    offset = local.utcoffset() or timedelta()
    seconds = abs(int(offset.total_seconds()))
    text += ("-" if offset < timedelta() else "+") + f"{seconds // 3600:02d}"
    if seconds % 3600:
        text += f":{seconds % 3600 // 60:02d}"
    if seconds % 60:
        text += f":{seconds % 60:02d}"
    return text
