"""The file as plain Python would write it, from section 11 of the customer API and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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


def csv_file(rows: Iterable[Mapping[str, Any]], *, zone: str, time_format: str) -> bytes:
    """`rows` as they were inserted (JSONEachRow values), in any order."""
    newest_first = sorted(rows, key=lambda row: (row["time_start"], row["id"]), reverse=True)
    return (HEADER + "".join(_line(row, zone, time_format) for row in newest_first)).encode()


def _line(row: Mapping[str, Any], zone: str, time_format: str) -> str:
    defaults = {"success": False, "duration": 0, "auth_orig_ip": ""}
    values = (_text(name, row.get(name, defaults.get(name)), zone, time_format) for name in COLUMNS)
    return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in values) + "\n"


def _text(name: str, value: Any, zone: str, time_format: str) -> str | None:
    if value is None or (name == "auth_orig_ip" and value == ""):
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
