"""How a file gets onto the disk: whole and checked, or not at all under its name.

Bytes go to `<file>.part`, which is renamed when length and SHA-256 are what was announced. A transfer that is cut goes
on where it stopped if the server serves ranges, from the start if not; so does a `.part` of an earlier command. How
bytes travel is left to the caller.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from cdr_exports.cli.export_resource import FileFacts
from cdr_exports.cli.output import Failed
from cdr_exports.domain.errors import Transient
from cdr_exports.runtime.backoff import delays

FRUITLESS_ATTEMPTS = 5
"""Attempts in a row that bring not one new byte, before the download is given up."""


class Stream(NamedTuple):
    """An answer whose body is still to come. Header names in lower case; reading may raise Transient."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]


Fetch = Callable[[Mapping[str, str]], AbstractContextManager[Stream]]
"""Asks for the file with these request headers. Raises Transient when the server does not answer."""


class Download:
    """One file. `facts` is what the resource announced, if it did; `on_bytes` hears of every byte kept so far."""

    def __init__(
        self,
        fetch: Fetch,
        facts: FileFacts | None,
        target: Path,
        *,
        on_bytes: Callable[[int], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._fetch, self._target, self._on_bytes, self._sleep = fetch, target, on_bytes, sleep
        self._part = target.with_name(target.name + ".part")
        self._bytes = None if facts is None else facts.bytes
        self._sha256 = {facts.sha256} if facts else set()
        self._etag: str | None = None
        self._was_answered = False

    def run(self) -> None:
        """Raises Failed for a file that is not what was announced, Transient when the server stays away."""
        fruitless, waits = 0, delays()
        while not self._is_whole():
            before = self._kept_bytes()
            try:
                self._transfer()
                break
            except Transient:
                fruitless = 0 if self._kept_bytes() > before else fruitless + 1
                if not self._was_answered or fruitless >= FRUITLESS_ATTEMPTS:
                    raise
                self._sleep(next(waits))
        self._check()
        self._part.replace(self._target)

    def _is_whole(self) -> bool:
        if self._bytes is not None and self._kept_bytes() > self._bytes:
            self._part.unlink()
        return self._part.exists() and self._kept_bytes() == self._bytes

    def _kept_bytes(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _transfer(self) -> None:
        kept = self._kept_bytes()
        headers = {"range": f"bytes={kept}-"} if kept else {}
        if kept and self._etag:
            headers["if-range"] = self._etag
        with self._fetch(headers) as answer:
            self._was_answered = True
            if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._part.unlink()
                raise Transient("the server has another file than the one this download began with")
            goes_on = answer.status == HTTPStatus.PARTIAL_CONTENT and _range_start(answer.headers) == kept
            if answer.status == HTTPStatus.PARTIAL_CONTENT and not goes_on:
                raise Failed("the server answered with another range than the one asked for")
            kept = kept if goes_on else 0
            self._note_announcements(answer.headers, kept)
            with self._part.open("ab" if goes_on else "wb") as file:
                for piece in answer.pieces:
                    file.write(piece)
                    kept += len(piece)
                    self._on_bytes(kept)
        if self._bytes is not None and kept < self._bytes:
            raise Transient(f"the transfer ended after {kept} of {self._bytes} bytes")

    def _note_announcements(self, headers: Mapping[str, str], kept: int) -> None:
        if headers.get("etag", "").startswith('"'):  # a weak one may not stand in If-Range
            self._etag = headers["etag"]
        if digest := repr_digest(headers.get("repr-digest", "")):
            self._sha256.add(digest)
        length = headers.get("content-length", "")
        if not length.isdigit():
            return
        total = kept + int(length)
        if self._bytes is not None and total != self._bytes:
            raise Failed(f"the server offers {total} bytes; {self._bytes} were announced")
        self._bytes = total

    def _check(self) -> None:
        kept = self._kept_bytes()
        if self._bytes is not None and kept != self._bytes:
            self._part.unlink()
            raise Failed(f"the file has {kept} bytes; {self._bytes} were announced. Nothing was kept.")
        with self._part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if wrong := self._sha256 - {digest}:
            self._part.unlink()
            raise Failed(f"the file's SHA-256 is {digest}; {wrong.pop()} was announced. Nothing was kept.")


def repr_digest(header: str) -> str | None:
    """The SHA-256 in a Repr-Digest header, in hexadecimal; None where there is none that can be read."""
    found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", header)
    try:
        return base64.b64decode(found[1], validate=True).hex() if found else None
    except binascii.Error:
        return None


def _range_start(headers: Mapping[str, str]) -> int | None:
    found = re.match(r"bytes (\d+)-\d+/", headers.get("content-range", ""))
    return int(found[1]) if found else None
