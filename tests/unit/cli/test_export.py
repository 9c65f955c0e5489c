"""`export …` as it is typed, against a real HTTP server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.scripted_api import EXPORT_ID, Answer, Api, Ran, Run, document, ranged, refusal, resource

ONE = f"/cdr-exports/{EXPORT_ID}"
FILE = b"not really gzip" * 100
CREATE = ("create", "--account", "7a", "--from", "2026-07-01", "--to", "2026-08-01")
Export = Callable[..., Ran]


@pytest.fixture
def export(run: Run, api: Api) -> Export:
    def call(*arguments: object) -> Ran:
        return run("export", *arguments, environment={"CDR_EXPORTS_URL": api.url, "CDR_EXPORTS_TOKEN": "a.b.c"})

    return call


def sent_attributes(api: Api) -> dict[str, Any]:
    attributes: dict[str, Any] = json.loads(api.requests[0].body)["data"]["attributes"]
    return attributes


def test_create_prints_the_id_alone(export: Export, api: Api) -> None:
    api.on("POST", "/cdr-exports", document({"data": resource()}, status=201))

    ran = export(*CREATE)

    assert (ran.code, ran.out, ran.err) == (0, f"{EXPORT_ID}\n", "")
    assert sent_attributes(api) == {"filters": {"time_start_gteq": "2026-07-01", "time_start_lt": "2026-08-01"}}


def test_create_sends_what_was_asked_for(export: Export, api: Api) -> None:
    api.on("POST", "/cdr-exports", document({"data": resource()}, status=201))
    options = ("--filter", "success_eq=true", "--filter", "src_prefix_routing_eq=a=b", "--format", "jsonl")
    more = ("--dialect", "spreadsheet-safe", "--time-zone", "Europe/Kyiv", "--time-format", "round_to_seconds")

    ran = export(*CREATE, *options, *more, "--idempotency-key", "july")

    assert ran.code == 0
    assert api.requests[0].headers["idempotency-key"] == "july"
    assert sent_attributes(api) == {
        "filters": {
            "time_start_gteq": "2026-07-01",
            "time_start_lt": "2026-08-01",
            "success_eq": "true",
            "src_prefix_routing_eq": "a=b",
        },
        "file-format": "jsonl",
        "csv-dialect": "spreadsheet-safe",
        "time-zone-name": "Europe/Kyiv",
        "time-format": "round_to_seconds",
    }


def test_a_filter_without_a_value_is_a_mistake_of_use(export: Export, api: Api) -> None:
    ran = export(*CREATE, "--filter", "success_eq", "--filter", "x")

    assert ran.code == 2
    assert "'success_eq', 'x'" in ran.err
    assert api.requests == []


def test_create_can_wait_and_download(export: Export, api: Api, tmp_path: Path) -> None:
    done = resource("Completed", percent=100.0, file=FILE)
    api.on("POST", "/cdr-exports", document({"data": resource()}, status=201))
    api.on("GET", ONE, document({"data": done}))
    api.on("GET", f"{ONE}/download", ranged(FILE))

    ran = export(*CREATE, "--output", "july.csv.gz", "--json")

    assert ran.code == 0
    assert json.loads(ran.out) == done
    assert (tmp_path / "july.csv.gz").read_bytes() == FILE


def test_a_refused_request_is_one_line(export: Export, api: Api) -> None:
    api.on("POST", "/cdr-exports", refusal(422, "is invalid", "account - is invalid"))

    ran = export(*CREATE)

    assert (ran.code, ran.out, ran.err) == (1, "", "422 account - is invalid\n")


def test_an_export_that_failed_fails_the_wait(export: Export, api: Api) -> None:
    failed = resource("Failed", failure={"code": "engine_error", "message": "The query failed."})
    api.on("GET", ONE, document({"data": failed}))

    ran = export("watch", EXPORT_ID)

    assert ran.code == 1
    assert ran.err == f"the export {EXPORT_ID} ended as Failed: engine_error: The query failed.\n"


def test_show_tells_what_a_person_wants_to_know(export: Export, api: Api) -> None:
    api.on("GET", ONE, document({"data": resource("Completed", percent=100.0, file=FILE)}))

    ran = export("show", EXPORT_ID)

    assert "status: Completed\n" in ran.out
    assert f"bytes: {len(FILE)}\n" in ran.out
    assert "customer-price: 0.30000000000000000001\n" in ran.out


def test_list_is_lines_with_tabs_for_a_script(export: Export, api: Api) -> None:
    api.on("GET", "/cdr-exports", document({"data": [resource()], "meta": {"total-count": 3}}))

    ran = export("list", "--size", "1")

    assert ran.out.splitlines()[0].split("\t")[:3] == ["id", "created", "stage"]
    assert ran.out.splitlines()[1].split("\t")[:3] == [EXPORT_ID, "2026-07-01T00:00:00.000Z", "pending"]
    assert ran.err == "page 1: 1 of 3 exports\n"


def test_list_as_json_is_the_resource_objects(export: Export, api: Api) -> None:
    api.on("GET", "/cdr-exports", document({"data": [resource()], "meta": {"total-count": 1}}))

    assert json.loads(export("list", "--json").out) == [resource()]


def test_download_puts_the_file_under_its_own_name(export: Export, api: Api, tmp_path: Path) -> None:
    api.on("GET", ONE, document({"data": resource("Completed", file=FILE)}))
    api.on("GET", f"{ONE}/download", ranged(FILE))

    ran = export("download", EXPORT_ID)

    assert (ran.code, ran.out) == (0, f"{EXPORT_ID}.csv.gz\n")
    assert (tmp_path / f"{EXPORT_ID}.csv.gz").read_bytes() == FILE


def test_a_folder_that_does_not_exist_is_one_line(export: Export, api: Api) -> None:
    api.on("GET", ONE, document({"data": resource("Completed", file=FILE)}))
    api.on("GET", f"{ONE}/download", ranged(FILE))

    ran = export("download", EXPORT_ID, "--output", "nowhere/july.csv.gz")

    assert (ran.code, ran.err) == (1, "nowhere/july.csv.gz.part: No such file or directory\n")


def test_delete_says_what_is_gone(export: Export, api: Api) -> None:
    api.on("DELETE", ONE, Answer(status=204))

    ran = export("delete", EXPORT_ID)

    assert (ran.code, ran.err) == (0, f"deleted {EXPORT_ID}\n")
