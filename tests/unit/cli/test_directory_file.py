"""The directory file: what it means, and that every fault is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdr_exports.cli.directory_file import read
from cdr_exports.domain.errors import Misconfigured

WHOLE = """
customers:    [{id: 7, name: Acme}, {id: 8, name: Other}]
accounts:     [{id: 71, uuid: 7A108CA2-39c4-11f1-8c50-82ad38f4dd55, customer_id: 7, name: Acme main,
                balance: "100.50", min_balance: "0.0", max_balance: 1000,
                destination_rate_limit: null, origination_capacity: 10, termination_capacity: null,
                total_capacity: null, currency: USD},
               {id: 81, uuid: 7a108ca2-39c4-11f1-8c50-82ad38f4dd56, customer_id: 8, name: Other}]
api_accesses: [{id: 15, customer_id: 7, account_ids: [71], login: acme, password: secret, allow_listen_recording: false}]
"""


def faults_of(text: str, folder: Path) -> list[str]:
    path = folder / "directory.yaml"
    path.write_text(text)
    with pytest.raises(Misconfigured) as told:
        read(path)
    return [fault.removeprefix(f"{path}: ") for fault in told.value.faults]


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "directory.yaml"
    path.write_text(WHOLE)

    directory = read(path)

    account, access = directory.accounts[0], directory.api_accesses[0]
    assert account.uuid == "7a108ca2-39c4-11f1-8c50-82ad38f4dd55"
    assert (account.balance, account.max_balance, account.origination_capacity) == ("100.50", "1000", 10)
    assert (access.login, access.password, access.account_ids) == ("acme", "secret", (71,))


def test_an_empty_file_is_an_empty_directory(tmp_path: Path) -> None:
    path = tmp_path / "directory.yaml"
    path.write_text("# nothing yet\n")

    assert read(path).accounts == ()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("7A108CA2-39c4-11f1", "7A108CA2-39c4", "accounts[0].uuid: must be a UUID, such as"),
        ("{id: 81, uuid: 7a108ca2-39c4-11f1-8c50-82ad38f4dd56", "{id: 81, uuid: 1", "accounts[1].uuid: must be a UUID"),
        ('"100.50"', "100.50", "accounts[0].balance: write decimals in quotes"),
        ('"100.50"', '"1e5"', "accounts[0].balance: must be a decimal number in quotes"),
        ('"100.50"', "true", "accounts[0].balance: Input should be a valid string"),
        ("name: Acme main", "title: x", "accounts[0].name: is required"),
        ("name: Acme main", "name: Acme main, colour: red", "accounts[0].colour: is no field of a directory file"),
        ("origination_capacity: 10", "origination_capacity: -1", "accounts[0].origination_capacity: Input should be"),
        ("{id: 71", '{id: "71"', "accounts[0].id: Input should be a valid integer"),
        ("{id: 71", "{id: 0", "accounts[0].id: Input should be greater than"),
        ("{id: 81", "{id: 71", "accounts[1].id: 71 is taken by accounts[0]"),
        ("4dd56", "4DD55", "accounts[1].uuid: 7a108ca2-39c4-11f1-8c50-82ad38f4dd55 is taken by accounts[0]"),
        ("customer_id: 8", "customer_id: 9", "accounts[1].customer_id: there is no customer 9"),
        ("{id: 8, name", "{id: 7, name", "customers[1].id: 7 is taken by customers[0]"),
        ("account_ids: [71]", "account_ids: [71, 72]", "api_accesses[0].account_ids[1]: there is no account 72"),
        ("account_ids: [71]", "account_ids: [81]", "api_accesses[0].account_ids[0]: the account 81 is of customer 8, not of 7"),
        ("account_ids: [71]", "account_ids: 71", "api_accesses[0].account_ids: must be a list"),
        ("password: secret", "password: 1234", "api_accesses[0].password: write it in quotes"),
        ("login: acme", "login: yes", "api_accesses[0].login: write it in quotes"),
        ("login: acme", 'login: "a\\0b"', "api_accesses[0].login: must be printable text"),
        ("login: acme", 'login: ""', "api_accesses[0].login: String should have at least 1 character"),
        ("recording: false", 'recording: "false"', "api_accesses[0].allow_listen_recording: Input should be a valid boolean"),
        ("login: acme", "login: acme, login: b", "line 8, column"),
        ("password: secret", "password: !secret", "line 8, column "),
        ("password: secret", "password: *secret", "line 8, column 83: put a value that begins with"),
        ("api_accesses:", "api_access:", "api_access: is no field of a directory file"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(tmp_path: Path, old: str, new: str, fault: str) -> None:
    faults = faults_of(changed(WHOLE, old, new), tmp_path)

    assert any(each.startswith(fault) for each in faults), faults


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = changed(changed(WHOLE, "name: Acme main,", ""), "login: acme, ", "")

    assert faults_of(text, tmp_path) == ["accounts[0].name: is required", "api_accesses[0].login: is required"]


def test_two_logins_of_one_name_are_told(tmp_path: Path) -> None:
    second = "{id: 16, customer_id: 7, login: acme}]"
    text = changed(WHOLE, "allow_listen_recording: false}]", "allow_listen_recording: false}, " + second)

    assert faults_of(text, tmp_path) == ["api_accesses[1].login: acme is taken by api_accesses[0]"]


@pytest.mark.parametrize(
    "text",
    ["- 1", "text", "a: [", "\x00", "? [a]: 1", "a: &a [*a]", "[" * 5000, "accounts: {a: 1}", "\xff\xfe"],
    ids=["list", "text", "open", "nul", "odd key", "cycle", "deep", "mapping for a list", "another encoding"],
)
def test_what_is_no_directory_file_is_told(tmp_path: Path, text: str) -> None:
    assert faults_of(text, tmp_path)


@pytest.mark.parametrize(
    "written", ["!hunter2x", "*hunter2x", "12345678.5", "[hunter2x]", "{hunter2x: 1}", "@hunter2x"]
)
def test_a_password_is_never_part_of_a_fault(tmp_path: Path, written: str) -> None:
    faults = faults_of(changed(WHOLE, "password: secret", f"password: {written}"), tmp_path)

    assert "hunter2x" not in " ".join(faults)
    assert "12345678" not in " ".join(faults)
