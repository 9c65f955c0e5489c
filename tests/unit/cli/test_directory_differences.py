"""What `directory apply` would publish: the difference between a file and the topics, no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cdr_exports.api import passwords
from cdr_exports.cli.directory_commands import Change, differences
from cdr_exports.cli.directory_file import DirectoryFile
from cdr_exports.domain.directory import Directory
from cdr_exports.domain.events import AccountChanged

ACCOUNT = {
    "id": 71,
    "uuid": "7a108ca2-39c4-11f1-8c50-82ad38f4dd55",
    "customer_id": 7,
    "name": "Main",
    "balance": "1.50",
}
ACCESS = {"id": 15, "customer_id": 7, "login": "acme", "password": "secret"}


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords.hash_password, "__kwdefaults__", {"cost": passwords.Cost(n=16, r=8, p=1)})


def file(account: dict[str, Any] | None = None, access: dict[str, Any] | None = None) -> DirectoryFile:
    entries = {"customers": [{"id": 7, "name": "Acme"}], "accounts": [{**ACCOUNT, **(account or {})}]}
    return DirectoryFile.model_validate({**entries, "api_accesses": [{**ACCESS, **(access or {})}]})


def applied(changes: Sequence[Change], directory: Directory | None = None) -> Directory:
    directory = directory or Directory()
    for record, is_removal in changes:
        if isinstance(record, AccountChanged):
            directory.remove_account(record.account_id) if is_removal else directory.put_account(record)
        else:
            directory.remove_access(record.api_access_id) if is_removal else directory.put_access(record)
    return directory


def test_an_empty_directory_gets_everything_accounts_first() -> None:
    changes = differences(file(), Directory())

    assert [str(each) for each in changes] == ["changed account 71 (Main)", "changed API access 15 (acme)"]


def test_applying_a_file_again_publishes_nothing() -> None:
    directory = applied(differences(file(), Directory()))

    assert differences(file(), directory) == []


def test_no_password_leaves_only_its_hash() -> None:
    access = applied(differences(file(), Directory())).accesses()[0]

    assert "secret" not in repr(access)
    assert passwords.verify_password("secret", access.password_hash)


@pytest.mark.parametrize(
    ("account", "access", "changed"),
    [
        ({"balance": "1.51"}, {}, ["changed account 71 (Main)"]),
        ({"total_capacity": 5}, {}, ["changed account 71 (Main)"]),
        ({}, {"password": "other"}, ["changed API access 15 (acme)"]),
        ({}, {"password": None}, ["changed API access 15 (acme)"]),
        ({}, {"account_ids": [71]}, ["changed API access 15 (acme)"]),
        ({}, {"allow_listen_recording": True}, ["changed API access 15 (acme)"]),
    ],
    ids=["balance", "capacity", "password", "no password", "account ids", "recording"],
)
def test_what_changed_is_published_alone(account: dict[str, Any], access: dict[str, Any], changed: list[str]) -> None:
    directory = applied(differences(file(), Directory()))

    changes = differences(file(account, access), directory)

    assert [str(each) for each in changes] == changed
    assert differences(file(account, access), applied(changes, directory)) == []


def test_what_the_file_does_not_name_stays_unless_it_is_pruned() -> None:
    directory = applied(differences(file(), Directory()))
    nothing = DirectoryFile()

    assert differences(nothing, directory) == []
    assert [str(each) for each in differences(nothing, directory, prune=True)] == [
        "removed API access 15 (acme)",
        "removed account 71 (Main)",
    ]
