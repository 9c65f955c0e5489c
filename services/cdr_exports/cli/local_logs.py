"""Reading the logs of a stack, all of them side by side, and going on with what comes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

LOOK_SECONDS = 0.2


def lines_of(files: Mapping[str, Path], *, follow: bool) -> Iterator[str]:
    """The lines of every file, with its name before them where there are several. Blocks for ever if `follow`."""
    tails = [_Tail(file, f"{name} | " if len(files) > 1 else "") for name, file in files.items()]
    try:
        while True:
            for tail in tails:
                yield from tail.new_lines()
            if not follow:
                return
            time.sleep(LOOK_SECONDS)
    finally:
        for tail in tails:
            tail.close()


class _Tail:
    """One file from its beginning on, whole lines only; also when a new file has taken its place."""

    def __init__(self, file: Path, prefix: str) -> None:
        self._file, self._prefix = file, prefix
        self._stream: BinaryIO = file.open("rb")
        self._rest = b""

    def new_lines(self) -> Iterator[str]:
        was_replaced = self._is_replaced()  # asked first: what follows is then the old file's end
        yield from self._read()
        if was_replaced:
            self._stream.close()
            self._stream = self._file.open("rb")
            yield from self._read()

    def close(self) -> None:
        self._stream.close()

    def _read(self) -> Iterator[str]:
        *whole, self._rest = (self._rest + self._stream.read()).split(b"\n")
        for line in whole:
            yield self._prefix + line.decode(errors="replace")

    def _is_replaced(self) -> bool:
        try:
            return self._file.stat().st_ino != os.fstat(self._stream.fileno()).st_ino
        except FileNotFoundError:
            return False
