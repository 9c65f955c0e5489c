"""How a file gets onto the disk, against a real HTTP server."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from cdr_exports.cli.customer import Customer, Refused
from cdr_exports.cli.download import FRUITLESS_ATTEMPTS, repr_digest
from cdr_exports.cli.export_resource import Export
from cdr_exports.cli.output import Failed
from cdr_exports.domain.errors import Transient
from tests.unit.cli.scripted_api import EXPORT_ID, Answer, Api, Waits, ranged, refusal, resource

BODY = bytes(range(256)) * 1000
PATH = f"/cdr-exports/{EXPORT_ID}/download"


def completed(file: bytes = BODY) -> Export:
    return Export.of(resource("Completed", percent=100.0, file=file))


def ranges_asked_for(api: Api) -> list[str | None]:
    return [each.headers.get("range") for each in api.requests]


def test_a_download_is_the_file_and_nothing_else_is_left(api: Api, client: Customer, tmp_path: Path) -> None:
    api.on("GET", PATH, ranged(BODY))
    heard: list[int] = []

    client.download(completed(), tmp_path / "july.csv.gz", on_bytes=heard.append)

    assert (tmp_path / "july.csv.gz").read_bytes() == BODY
    assert [each.name for each in tmp_path.iterdir()] == ["july.csv.gz"]
    assert heard[-1] == len(BODY)


def test_a_cut_download_goes_on_where_it_was_cut(api: Api, client: Customer, tmp_path: Path, waits: Waits) -> None:
    api.on("GET", PATH, ranged(BODY, cut_after=100_000), ranged(BODY, cut_after=50_000), ranged(BODY))

    client.download(completed(), tmp_path / "july.csv.gz")

    assert (tmp_path / "july.csv.gz").read_bytes() == BODY
    assert ranges_asked_for(api) == [None, "bytes=100000-", "bytes=150000-"]
    assert api.requests[1].headers["if-range"] == '"one"'
    assert len(waits.seconds) == 2


def test_what_an_earlier_command_kept_is_not_fetched_again(api: Api, client: Customer, tmp_path: Path) -> None:
    (tmp_path / "july.csv.gz.part").write_bytes(BODY[:200_000])
    api.on("GET", PATH, ranged(BODY))

    client.download(completed(), tmp_path / "july.csv.gz")

    assert (tmp_path / "july.csv.gz").read_bytes() == BODY
    assert ranges_asked_for(api) == ["bytes=200000-"]


def test_a_whole_part_needs_no_transfer(api: Api, client: Customer, tmp_path: Path) -> None:
    (tmp_path / "july.csv.gz.part").write_bytes(BODY)

    client.download(completed(), tmp_path / "july.csv.gz")

    assert (tmp_path / "july.csv.gz").read_bytes() == BODY
    assert api.requests == []


def test_a_part_longer_than_the_file_is_thrown_away(api: Api, client: Customer, tmp_path: Path) -> None:
    (tmp_path / "july.csv.gz.part").write_bytes(BODY + b"x")
    api.on("GET", PATH, ranged(BODY))

    client.download(completed(), tmp_path / "july.csv.gz")

    assert (tmp_path / "july.csv.gz").read_bytes() == BODY
    assert ranges_asked_for(api) == [None]


def test_a_server_without_ranges_sends_the_file_from_its_start(api: Api, client: Customer, tmp_path: Path) -> None:
    api.on("GET", PATH, Answer(body=BODY, cut_after=100_000), Answer(body=BODY))

    client.download(completed(), tmp_path / "july.csv.gz")

    assert (tmp_path / "july.csv.gz").read_bytes() == BODY


def test_a_file_that_changed_under_a_cut_download_is_fetched_from_its_start(
    api: Api, client: Customer, tmp_path: Path
) -> None:
    api.on("GET", PATH, ranged(BODY[::-1], etag='"old"', cut_after=100_000), ranged(BODY, etag='"new"'))

    client.download(completed(), tmp_path / "july.csv.gz")

    assert (tmp_path / "july.csv.gz").read_bytes() == BODY


def test_bytes_with_another_digest_are_not_kept(api: Api, client: Customer, tmp_path: Path) -> None:
    api.on("GET", PATH, ranged(BODY[::-1]))

    with pytest.raises(Failed, match="SHA-256"):
        client.download(completed(), tmp_path / "july.csv.gz")

    assert list(tmp_path.iterdir()) == []


def test_a_part_of_another_file_is_not_mixed_into_this_one(api: Api, client: Customer, tmp_path: Path) -> None:
    (tmp_path / "july.csv.gz.part").write_bytes(b"x" * 1000)
    api.on("GET", PATH, ranged(BODY))

    with pytest.raises(Failed, match="Nothing was kept"):
        client.download(completed(), tmp_path / "july.csv.gz")

    assert list(tmp_path.iterdir()) == []


def test_the_digest_of_the_answer_counts_where_the_resource_has_none(
    api: Api, client: Customer, tmp_path: Path
) -> None:
    wrong = base64.b64encode(hashlib.sha256(b"another").digest()).decode()
    api.on("GET", PATH, Answer(body=BODY, headers={"repr-digest": f"sha-256=:{wrong}:"}))
    without_meta = Export.of({**resource("Completed"), "meta": {}})

    with pytest.raises(Failed, match="SHA-256"):
        client.download(without_meta, tmp_path / "july.csv.gz")


def test_another_length_than_announced_is_refused_at_once(api: Api, client: Customer, tmp_path: Path) -> None:
    api.on("GET", PATH, Answer(body=BODY + b"more"))

    with pytest.raises(Failed, match=f"offers {len(BODY) + 4} bytes; {len(BODY)} were announced"):
        client.download(completed(), tmp_path / "july.csv.gz")


def test_attempts_that_bring_nothing_come_to_an_end_and_what_is_kept_stays(
    api: Api, client: Customer, tmp_path: Path
) -> None:
    api.on("GET", PATH, ranged(BODY, cut_after=100_000), ranged(BODY, cut_after=0))

    with pytest.raises(Transient, match="was lost"):
        client.download(completed(), tmp_path / "july.csv.gz")

    assert len(api.requests) == 1 + FRUITLESS_ATTEMPTS
    assert (tmp_path / "july.csv.gz.part").stat().st_size == 100_000


def test_an_export_without_a_file_says_so(api: Api, client: Customer, tmp_path: Path) -> None:
    api.on("GET", PATH, Answer(status=404))

    with pytest.raises(Refused, match="has no file: it is Pending"):
        client.download(Export.of(resource("Pending")), tmp_path / "july.csv.gz")


def test_a_store_that_is_down_for_a_moment_is_waited_for(
    api: Api, client: Customer, tmp_path: Path, waits: Waits
) -> None:
    api.on(
        "GET",
        PATH,
        refusal(503, "Service unavailable", "The file store is unavailable.", retry_after="3"),
        ranged(BODY),
    )

    client.download(completed(), tmp_path / "july.csv.gz")

    assert waits.seconds == [3.0]


@pytest.mark.parametrize(
    ("header", "digest"),
    [
        ("sha-256=:" + base64.b64encode(bytes(32)).decode() + ":", "00" * 32),
        ("sha-512=:AAAA:, sha-256=:AAAA:", "000000"),
        ("sha-512=:AAAA:", None),
        ("sha-256=:A:", None),
        ("", None),
    ],
    ids=["alone", "among others", "another algorithm", "not base64", "none"],
)
def test_a_repr_digest_is_read(header: str, digest: str | None) -> None:
    assert repr_digest(header) == digest


@pytest.mark.parametrize("name", ["/etc/passwd", "../../x.csv.gz", "..\\x.csv.gz", ".x.csv.gz"])
def test_the_server_does_not_choose_the_folder(name: str) -> None:
    export = completed()
    hostile = resource("Completed", file=BODY)
    hostile["meta"]["file"]["name"] = name

    assert Export.of(hostile).file_name in ("passwd", "x.csv.gz")
    assert export.file_name == f"{EXPORT_ID}.csv.gz"
