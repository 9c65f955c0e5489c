"""Reading the logs of a stack."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from cdr_exports.cli.local_logs import lines_of


def log(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_one_log_is_printed_as_it_is(tmp_path: Path) -> None:
    file = log(tmp_path, "kafka", "one\ntwo\n")

    assert list(lines_of({"kafka": file}, follow=False)) == ["one", "two"]


def test_several_logs_say_whose_a_line_is(tmp_path: Path) -> None:
    files = {name: log(tmp_path, name, f"hello from {name}\n") for name in ("kafka", "postgres")}

    assert list(lines_of(files, follow=False)) == ["kafka | hello from kafka", "postgres | hello from postgres"]


def test_following_goes_on_with_what_comes(tmp_path: Path) -> None:
    file = log(tmp_path, "kafka", "one\n")
    lines = lines_of({"kafka": file}, follow=True)
    first = next(lines)

    with file.open("a") as stream:
        stream.write("two\nthr")

    assert [first, next(lines)] == ["one", "two"]


def test_following_survives_a_log_that_is_replaced(tmp_path: Path) -> None:
    file = log(tmp_path, "kafka", "one\n")
    lines = lines_of({"kafka": file}, follow=True)
    first = next(lines)

    with file.open("a") as stream:
        stream.write("two\n")
    file.rename(tmp_path / "kafka.old")
    log(tmp_path, "kafka", "three\n")

    assert [first, *islice(lines, 2)] == ["one", "two", "three"]
