"""The bytes of a file, held against plain Python, and against one query over the whole period."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cdr_exports.domain.events import ExportCompleted, ExportProgressed, ExportStarted
from cdr_exports.domain.filters import TimeFormat
from tests.integration.processor import oracle
from tests.integration.processor.conftest import Make
from tests.integration.processor.exports import DAY, request, row

AUTUMN = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
"""Half past three in Kyiv, for the first time; an hour later it is half past three again."""
TEXTS = [
    "plain",
    "",
    'say "hi"',
    "a\nb",
    "a\r\nb",
    "комма,",
    "😀",
    "nul\x00byte",
    "=1+1",
    "-12.5",
    "@x",
    "\t",
    "Code: 159. DB::Exception: x",
]


def nasty() -> list[dict[str, Any]]:
    """CDRs that a wrong quoting, a wrong zone or a wrong NULL would change."""
    rows: list[dict[str, Any]] = []
    for n, text in enumerate(TEXTS):
        start = DAY + timedelta(hours=n, microseconds=[0, 1, 118457, 999999, 100000][n % 5])
        connect = start + timedelta(microseconds=500000) if n % 2 else None
        rows.append({
            **row(n + 1, start, success=bool(n % 2), duration=n * 60, src_name_in=text, from_domain=text, orig_call_id=text),
            "time_connect": connect.strftime("%Y-%m-%d %H:%M:%S.%f") if connect else None,
            "auth_orig_ip": ["192.0.2.10", "2001:db8::1", ""][n % 3],
            "src_prefix_routing": "1" * 20 if n % 2 else None,
            "customer_price": ["0.00000000000000000001", "123456789012345678.5", "-0.5", None][n % 4],
            "destination_initial_rate": "0.0001" if n % 2 else None,
            "lega_disconnect_code": 200 if n % 2 else None,
        })  # fmt: skip
    return rows + [dict(row(100 + n, AUTUMN + timedelta(hours=n), duration=1)) for n in range(2)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Kyiv", "America/St_Johns", "Asia/Kolkata", "Africa/Monrovia"])
@pytest.mark.parametrize("time_format", TimeFormat)
async def test_the_bytes_are_those_of_plain_python(
    make_workshop: Make, insert: Callable[..., Any], zone: str, time_format: TimeFormat
) -> None:
    workshop = make_workshop(slice_rows=3)
    await insert(nasty())
    bounds: dict[str, Any] = {"time_start_gteq": DAY, "time_start_lt": DAY + timedelta(days=365)}

    wanted = request(**bounds, time_zone_name=zone, time_format=time_format)
    workshop.exporter._planner._exports = workshop.exporter._planner._exports.model_copy(
        update={"range_limit_days": 400}
    )
    completed = await workshop.run(wanted)

    assert isinstance(completed, ExportCompleted)
    manifest = await workshop.ledger.manifest(wanted.export_id)
    assert manifest is not None
    assert len(manifest.objects) > 3
    assert gzip.decompress(workshop.file(manifest)) == oracle.csv_file(
        nasty(), zone=zone, time_format=time_format.value
    )


async def test_a_historic_zone_has_seconds_in_its_offset(make_workshop: Make, insert: Callable[..., Any]) -> None:
    workshop = make_workshop()
    rows = [dict(row(1, datetime(1971, 6, 1, tzinfo=UTC)))]
    await insert(rows)

    wanted = request(
        time_start_gteq=datetime(1971, 5, 31, tzinfo=UTC), time_start_lt=datetime(1971, 6, 2, tzinfo=UTC),
        time_zone_name="Africa/Monrovia",
    )  # fmt: skip
    await workshop.run(wanted)

    manifest = await workshop.ledger.manifest(wanted.export_id)
    assert manifest is not None
    assert b"-00:44:30" in gzip.decompress(workshop.file(manifest))


async def test_the_manifest_and_the_event_say_what_the_file_is(make_workshop: Make, fill: Callable[..., Any]) -> None:
    workshop = make_workshop(slice_rows=1000, lanes=3)
    await fill(10_000)

    wanted = request()
    completed = await workshop.run(wanted)

    assert isinstance(completed, ExportCompleted)
    manifest = await workshop.ledger.manifest(wanted.export_id)
    assert manifest is not None
    file = workshop.file(manifest)
    raw = gzip.decompress(file)
    assert (len(file), hashlib.sha256(file).hexdigest()) == (completed.file.bytes, completed.file.sha256)
    assert (len(raw), zlib.crc32(raw)) == (completed.file.raw_bytes, completed.file.crc32)
    assert (completed.rows, completed.file.parts) == (10_000, len(manifest.objects))
    assert completed.totals.duration_seconds == sum(n % 100 for n in range(10_000))
    assert completed.totals.customer_duration_seconds == sum(n % 100 + 1 for n in range(10_000))
    exact = sum((Decimal(n * 10**20 // 7) / 10**20 for n in range(10_000)), Decimal(0))
    assert abs(completed.totals.customer_price - exact) < Decimal("1e-6")
    (started,) = workshop.said(ExportStarted)
    assert (started.rows_expected, started.slices_total, started.lanes) == (10_000, len(manifest.objects), 3)


async def test_progress_is_absolute_by_lane_and_adds_up(make_workshop: Make, fill: Callable[..., Any]) -> None:
    workshop = make_workshop(slice_rows=500, lanes=2)
    await fill(5_000)

    await workshop.run(request())

    last = {each.lane: each for each in workshop.said(ExportProgressed)}
    assert sum(each.lane_rows for each in last.values()) == 5_000
    assert sum(each.lane_slices_done for each in last.values()) == len(workshop.said(ExportProgressed))


@pytest.mark.parametrize("filters", [
    {"success_eq": True}, {"success_eq": False}, {"duration_eq": 7}, {"duration_gteq": 90}, {"duration_lteq": 0},
    {"duration_gteq": 10, "duration_lteq": 20, "success_eq": True}, {"src_prefix_routing_eq": " 42 "},
    {"src_prefix_routing_eq": "4%"}, {"src_prefix_routing_eq": "' OR 1=1 --"}, {"dst_prefix_routing_eq": "1"},
], ids=str)  # fmt: skip
async def test_filters_choose_what_a_python_filter_chooses(
    make_workshop: Make, fill: Callable[..., Any], filters: dict[str, Any]
) -> None:
    workshop = make_workshop()
    await fill(1_000)

    def chosen(n: int) -> bool:
        tests: dict[str, Callable[[Any], bool]] = {
            "success_eq": lambda v: bool(n % 2) == v,
            "duration_eq": lambda v: n % 100 == v,
            "duration_gteq": lambda v: n % 100 >= v,
            "duration_lteq": lambda v: n % 100 <= v,
            "src_prefix_routing_eq": lambda v: str(n) == v.strip(),
            "dst_prefix_routing_eq": lambda _: False,
        }
        return all(tests[name](value) for name, value in filters.items())

    completed = await workshop.run(request(**filters))

    assert isinstance(completed, ExportCompleted)
    assert completed.rows == sum(map(chosen, range(1_000)))


@pytest.mark.parametrize("rows", [0, 1], ids=["empty", "one row"])
async def test_small_exports_are_whole_files(make_workshop: Make, fill: Callable[..., Any], rows: int) -> None:
    workshop = make_workshop()
    if rows:
        await fill(rows)

    wanted = request()
    completed = await workshop.run(wanted)

    assert isinstance(completed, ExportCompleted)
    manifest = await workshop.ledger.manifest(wanted.export_id)
    assert manifest is not None
    raw = gzip.decompress(workshop.file(manifest))
    assert raw.startswith(oracle.HEADER.encode())
    assert (raw.count(b"\n2") + raw.count(b'\n"2'), completed.rows) == (rows, rows)


async def test_a_crowd_in_one_microsecond_is_one_slice_and_its_neighbours_are_not_in_it(
    make_workshop: Make, fill: Callable[..., Any]
) -> None:
    workshop = make_workshop(slice_rows=100)
    await fill(5_000, step_micros=0)
    await fill(500, step_micros=1, first_id=10_000, start="2026-03-01 00:00:00.000001")

    wanted = request()
    completed = await workshop.run(wanted)

    assert isinstance(completed, ExportCompleted)
    plan = await workshop.ledger.plan(wanted.export_id)
    assert plan is not None
    assert completed.rows == 5_500
    *others, largest = sorted(each.rows_expected for each in plan.slices)
    assert largest == 5_000
    assert others[-1] <= 125


async def test_the_same_data_gives_the_same_file(make_workshop: Make, fill: Callable[..., Any]) -> None:
    workshop = make_workshop(slice_rows=300)
    await fill(2_000)

    first, second = await workshop.run(request()), await workshop.run(request())

    assert isinstance(first, ExportCompleted)
    assert isinstance(second, ExportCompleted)
    assert first.file.sha256 == second.file.sha256
