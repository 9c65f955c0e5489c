"""The folder of a stack: private, one supervisor's at a time, and purged of what is ours only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cdr_exports.local.folder import Folder
from cdr_exports.local.server import Unavailable


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "stack")
    folder.make()
    return folder


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_nobody_else_may_look_in(folder: Folder) -> None:
    secret = folder.secret("jwt-secret")

    assert (mode(folder.path), mode(secret.parent), mode(secret)) == (0o700, 0o700, 0o600)


def test_a_secret_is_made_once_and_is_long(folder: Folder) -> None:
    first = folder.secret("jwt-secret").read_text()

    assert folder.secret("jwt-secret").read_text() == first
    assert len(first) >= 32
    assert folder.secret("another").read_text() != first


def test_a_folder_has_one_supervisor(folder: Folder) -> None:
    with folder.locked(), pytest.raises(Unavailable, match="already"), folder.locked():
        pass


def test_a_lock_that_was_let_go_can_be_had(folder: Folder) -> None:
    with folder.locked():
        pass

    with folder.locked():
        pass


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")

    with pytest.raises(Unavailable, match="not empty"):
        Folder(tmp_path).make()

    assert [each.name for each in tmp_path.iterdir()] == ["letter.txt"]


def test_making_a_folder_again_changes_nothing(folder: Folder) -> None:
    secret = folder.secret("jwt-secret").read_text()

    folder.make()

    assert folder.secret("jwt-secret").read_text() == secret


def test_ports_are_remembered(folder: Folder) -> None:
    assert folder.last_ports() == {}

    folder.remember_ports({"kafka": {"broker": 19092}})

    assert folder.last_ports() == {"kafka": {"broker": 19092}}


def test_a_purge_takes_what_is_ours_and_the_folder(folder: Folder) -> None:
    for name in "kafka", "processor-12", "store":
        (folder.path / name / "inner").mkdir(parents=True)
    folder.secret("jwt-secret")

    folder.purge()

    assert not folder.path.exists()


def test_a_purge_leaves_what_others_put_there(folder: Folder) -> None:
    (folder.path / "letter.txt").write_text("dear")
    (folder.path / "kafka-notes").mkdir()

    folder.purge()

    assert sorted(each.name for each in folder.path.iterdir()) == ["kafka-notes", "letter.txt"]


def test_a_purge_follows_no_link(folder: Folder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "letter.txt").write_text("dear")
    (folder.path / "kafka").symlink_to(elsewhere)

    folder.purge()

    assert (elsewhere / "letter.txt").read_text() == "dear"
