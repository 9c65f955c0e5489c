"""The resource object of section 3.1 with the meta of section 0.3, through the life of an export."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cdr_exports.api import query
from cdr_exports.api.documents import account_object, linkage, one, resource_object, timestamp
from cdr_exports.api.selection import ResourceType, selection_of
from cdr_exports.domain.events import ExportStarted
from cdr_exports.domain.filters import CsvDialect
from cdr_exports.domain.lifecycle import ExportState, LaneProgress
from tests.unit.api.records import EXPORT_ID, NOW, accepted, account, completed, event_id, failed

BASE = "http://api.test/api/rest/customer/v1"
URL = f"{BASE}/cdr-exports/{EXPORT_ID}"
ACCOUNT = account(71)


def planned(state: ExportState) -> ExportState:
    started = ExportStarted(
        event_id=event_id(9), occurred_at=NOW, source="processor", export_id=EXPORT_ID, slices_total=4, lanes=2,
        rows_expected=4000, columns=("duration",),
    )  # fmt: skip
    return replace(state, started=started)


def test_an_accepted_export_is_this_document() -> None:
    document = one(accepted(), ACCOUNT, BASE)

    assert json.dumps(document, separators=(",", ":")) == (
        '{"data":{"id":"01950000-0000-7000-8000-00000000000a","type":"cdr-exports","links":{"self":"' + URL + '"},'
        '"attributes":{"filters":{"time_start_gteq":"2025-02-01T00:00:00.000Z","time_start_lt":"2025-02-02T00:00:00.999Z",'
        '"success_eq":false,"duration_lteq":0,"is_last_cdr_eq":true},"status":"Pending","rows-count":null,'
        '"created-at":"2025-02-03T20:21:32.118Z","updated-at":"2025-02-03T20:21:32.118Z",'
        '"time-format":"with_timezone","time-zone-name":null},'
        '"relationships":{"account":{"links":{"self":"'
        + URL
        + '/relationships/account","related":"'
        + URL
        + '/account"}}},'
        '"meta":{"stage":"accepted","progress":{"percent":0.0,"rows-exported":0,"rows-total":null,"bytes":0},'
        '"failure":null,"file-format":"csv","csv-dialect":"raw","file":null,"expires-at":null}}}'
    )


def test_a_running_export_shows_its_progress() -> None:
    state = replace(planned(accepted()), lanes={0: LaneProgress(1, 1000, 77), 1: LaneProgress(1, 500, 33)})

    meta = resource_object(state, ACCOUNT, BASE)["meta"]

    assert meta["stage"] == "exporting"
    assert meta["progress"] == {"percent": 37.5, "rows-exported": 1500, "rows-total": 4000, "bytes": 110}


def test_a_completed_export_shows_its_file() -> None:
    shown = resource_object(replace(planned(accepted()), terminal=completed()), ACCOUNT, BASE)

    assert (shown["attributes"]["status"], shown["attributes"]["rows-count"]) == ("Completed", 3)
    assert shown["attributes"]["updated-at"] == "2025-02-03T20:21:41.118Z"
    assert shown["meta"]["progress"] == {"percent": 100.0, "rows-exported": 3, "rows-total": 3, "bytes": 900}
    assert shown["meta"]["file"] == {
        "name": f"{EXPORT_ID}.csv.gz", "bytes": 900, "sha256": "ab" * 32, "rows": 3, "parts": 2,
        "totals": {"duration": 60, "customer-duration": 66, "customer-price": "0.00000000000000000000"},
    }  # fmt: skip


def test_a_deleted_export_keeps_its_count_and_has_no_file() -> None:
    state = replace(accepted(), terminal=completed(), deleted_at=NOW + timedelta(minutes=1))

    shown = resource_object(state, ACCOUNT, BASE)

    assert (shown["attributes"]["status"], shown["attributes"]["rows-count"]) == ("Deleted", 3)
    assert (shown["meta"]["stage"], shown["meta"]["file"]) == ("deleted", None)


def test_a_failed_export_says_why_also_after_its_deletion() -> None:
    state = replace(accepted(), terminal=failed())

    for each in state, replace(state, deleted_at=NOW):
        shown = resource_object(each, ACCOUNT, BASE)
        assert shown["meta"]["failure"] == {"code": "too_large", "message": "Too many CDRs."}
        assert shown["attributes"]["rows-count"] is None


def test_the_dialect_is_spelled_as_the_api_spells_it() -> None:
    state = accepted(csv_dialect=CsvDialect.SPREADSHEET_SAFE)

    assert resource_object(state, ACCOUNT, BASE)["meta"]["csv-dialect"] == "spreadsheet-safe"


@pytest.mark.parametrize(
    ("asked", "members"),
    [
        (b"fields[cdr-exports]=status,account", ["id", "type", "links", "attributes", "relationships", "meta"]),
        (b"fields[cdr-exports]=status", ["id", "type", "links", "attributes", "meta"]),
        (b"fields[cdr-exports]=account", ["id", "type", "links", "relationships", "meta"]),
        (b"fields[cdr-exports]=id", ["id", "type", "links", "meta"]),
    ],
)
def test_members_without_a_chosen_field_disappear_and_meta_stays(asked: bytes, members: list[str]) -> None:
    selection = selection_of(query.parse(asked), ResourceType.CDR_EXPORTS)

    assert list(resource_object(accepted(), ACCOUNT, BASE, selection)) == members


def test_an_included_account_is_linked_unless_the_fields_leave_it_out() -> None:
    linked = selection_of(query.parse(b"include=account&fields[accounts]=name"), ResourceType.CDR_EXPORTS)
    unlinked = selection_of(query.parse(b"include=account&fields[cdr-exports]=status"), ResourceType.CDR_EXPORTS)

    document, other = one(accepted(), ACCOUNT, BASE, linked), one(accepted(), ACCOUNT, BASE, unlinked)

    identifier = {"type": "accounts", "id": ACCOUNT.account_uuid}
    assert document["data"]["relationships"]["account"]["data"] == identifier
    assert document["included"] == [
        {
            "id": ACCOUNT.account_uuid,
            "type": "accounts",
            "links": {"self": f"{BASE}/accounts/{ACCOUNT.account_uuid}"},
            "attributes": {"name": "Acme main"},
        }
    ]
    assert "relationships" not in other["data"]
    assert len(other["included"]) == 1


def test_an_account_shows_its_figures_in_the_order_of_the_contract() -> None:
    assert list(account_object(ACCOUNT, BASE)["attributes"].items()) == [
        ("name", "Acme main"), ("balance", "100.50"), ("min-balance", "0.0"), ("max-balance", "1000.0"),
        ("destination-rate-limit", None), ("origination-capacity", 10), ("termination-capacity", None),
        ("total-capacity", None), ("currency", "USD"),
    ]  # fmt: skip


def test_the_linkage_names_the_account_and_where_it_is() -> None:
    assert linkage(EXPORT_ID, ACCOUNT, BASE) == {
        "data": {"type": "accounts", "id": ACCOUNT.account_uuid},
        "links": {"self": f"{URL}/relationships/account", "related": f"{URL}/account"},
    }


def test_milliseconds_are_cut_and_not_rounded() -> None:
    assert timestamp(datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == "2025-12-31T23:59:59.999Z"


def test_an_export_whose_request_is_unknown_is_never_shown() -> None:
    with pytest.raises(ValueError, match="not to be shown"):
        resource_object(ExportState(export_id=EXPORT_ID), ACCOUNT, BASE)
