"""Kafka's jars: exactly those of the lock, fetched again if damaged, refused if different."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import requests

from cdr_exports.local import kafka_server
from cdr_exports.local.kafka_server import fetch_jars
from cdr_exports.local.server import Unavailable

GOOD = b"a jar"


class Repository:
    """Stands in for jgo's MavenContext, with what downloads give; a file that is there is not downloaded."""

    def __init__(self, cache: Path, downloads: list[bytes | Exception]) -> None:
        self.repo_cache = cache
        self.downloads = downloads

    def __call__(self, timeout: int) -> Repository:
        assert timeout > 0
        return self

    def project(self, group: str, artifact: str) -> Repository:
        self.file = self.repo_cache / f"{group}-{artifact}.jar"
        return self

    def at_version(self, version: str) -> Repository:
        return self

    def artifact(self) -> Repository:
        return self

    def resolve(self) -> Path:
        if not self.file.exists():
            content = self.downloads.pop(0)
            if isinstance(content, Exception):
                raise content
            self.file.write_bytes(content)
        return self.file


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lock = tmp_path / "lock.json"
    lock.write_text(json.dumps([{"artifact": "org:kafka:1", "sha256": hashlib.sha256(GOOD).hexdigest()}]))
    monkeypatch.setattr(kafka_server, "LOCK_FILE", lock)
    return lock


def repository(monkeypatch: pytest.MonkeyPatch, cache: Path, *downloads: bytes | Exception) -> Repository:
    repository = Repository(cache, list(downloads))
    monkeypatch.setattr(kafka_server, "MavenContext", repository)
    return repository


@pytest.mark.usefixtures("lock")
def test_a_missing_jar_is_downloaded_with_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(monkeypatch, tmp_path, GOOD)
    said: list[str] = []

    jars = fetch_jars(said.append)

    assert [jar.read_bytes() for jar in jars] == [GOOD]
    assert said == ["jars 1/1"]


@pytest.mark.usefixtures("lock")
def test_half_a_jar_is_downloaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(monkeypatch, tmp_path, GOOD)
    (tmp_path / "org-kafka.jar").write_bytes(GOOD[:2])

    jars = fetch_jars(lambda _: None)

    assert [jar.read_bytes() for jar in jars] == [GOOD]


@pytest.mark.usefixtures("lock")
def test_another_file_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(monkeypatch, tmp_path, b"bad", b"bad")

    with pytest.raises(Unavailable, match="org:kafka:1"):
        fetch_jars(lambda _: None)

    assert not (tmp_path / "org-kafka.jar").exists()


@pytest.mark.usefixtures("lock")
def test_without_a_network_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(monkeypatch, tmp_path, requests.ConnectionError("no route"))

    with pytest.raises(Unavailable, match=r"cannot download org:kafka:1 .*network.*proxy"):
        fetch_jars(lambda _: None)


def test_the_lock_pins_every_jar_by_digest_and_names_no_host() -> None:
    text = kafka_server.LOCK_FILE.read_text()
    entries = json.loads(text)

    assert len(entries) > 40
    assert all(re.fullmatch(r"[0-9a-f]{64}", entry["sha256"]) for entry in entries)
    assert all(entry["artifact"].count(":") == 2 for entry in entries)
    assert "://" not in text
