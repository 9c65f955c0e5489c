"""The one door to object stores (obstore): a local directory, S3, GCS or Azure, by the same calls.

Objects are written whole or not at all. The ledger rests on `create`: of several writers of one name exactly one is
told True. `part` and `pieces` block and are for worker threads; the rest is for the event loop.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, ObjectStore, S3Store, from_url

from cdr_exports.domain.errors import Misconfigured, Transient

if TYPE_CHECKING:
    from obstore.store import ClientConfig

PIECE_BYTES = 1 << 20
RANGE_BYTES = 4 << 20
"""Read by ranges: obstore streams a local file in runs of 8 KiB, at twenty times the cost. See tests/bench."""
PART_BUFFER_BYTES = 5 << 20
"""A part is sent in runs of this size, so that a worker's memory does not depend on the size of a slice. S3's minimum."""
REQUEST_TIMEOUT = "60s"
RETRIES = 3


class Store:
    """Objects by name under one URL. Every method raises Transient when the store does not answer as it should."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def open(cls, url: str) -> Self:
        """Raises Misconfigured for a URL that names no store, or a folder that cannot be made."""
        try:
            if url.startswith("file://"):
                folder = Path(unquote(urlsplit(url).path))
                folder.mkdir(parents=True, exist_ok=True)
                return cls(LocalStore(folder))
            if url.startswith("s3://"):
                plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
                options: ClientConfig = {"timeout": REQUEST_TIMEOUT, "allow_http": plain}
                return cls(S3Store.from_url(url, client_options=options, retry_config={"max_retries": RETRIES}))
            return cls(from_url(url))
        except (BaseError, OSError, ValueError) as error:
            raise Misconfigured([f"CDR_EXPORTS_STORE_URL: {error}"]) from error

    async def create(self, name: str, data: bytes) -> bool:
        """Writes a new object; False, and nothing is written, where the name exists."""
        with _translated(name):
            try:
                await obstore.put_async(self._store, name, data, mode="create")
            except AlreadyExistsError:
                return False
            return True

    async def read(self, name: str) -> bytes | None:
        """The whole of a small object; None where there is none."""
        with _translated(name):
            try:
                return bytes(await (await obstore.get_async(self._store, name)).bytes_async())
            except (NotFoundError, FileNotFoundError):
                return None

    async def exists(self, name: str) -> bool:
        with _translated(name):
            try:
                await obstore.head_async(self._store, name)
            except (NotFoundError, FileNotFoundError):
                return False
            return True

    async def delete(self, name: str) -> None:
        """An object that is not there is as good as deleted."""
        with _translated(name):
            try:
                await obstore.delete_async(self._store, name)
            except (NotFoundError, FileNotFoundError):
                return

    async def list(self, prefix: str) -> list[str]:
        """Names of all objects under `prefix`, in no order."""
        with _translated(prefix):
            found = await obstore.list(self._store, prefix).collect_async()
            return [str(each["path"]) for each in found]

    async def stream(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Bytes [start, start + length) of an object in pieces of about 1 MiB. Raises FileNotFoundError."""
        with _translated(name):
            size = (await obstore.head_async(self._store, name))["size"]
            end = size if length is None else min(start + length, size)
            if isinstance(self._store, LocalStore):
                for at in range(start, end, PIECE_BYTES):
                    yield bytes(
                        await obstore.get_range_async(self._store, name, start=at, end=min(at + PIECE_BYTES, end))
                    )
            elif start < end:
                found = await obstore.get_async(self._store, name, options={"range": (start, end)})
                async for piece in found.stream(min_chunk_size=PIECE_BYTES):
                    yield bytes(piece)

    def pieces(self, name: str) -> Iterator[bytes | memoryview]:
        """An object's bytes, a few MiB at a time; blocks. Raises FileNotFoundError."""
        with _translated(name):
            size = obstore.head(self._store, name)["size"]
            for at in range(0, size, RANGE_BYTES):
                yield memoryview(obstore.get_range(self._store, name, start=at, end=min(at + RANGE_BYTES, size)))

    def part(self, name: str) -> PartWriter:
        """A writer of one large object; blocks."""
        return PartWriter(self._store, name)


class PartWriter:
    """Writes one object piece by piece; it exists when `close` has returned, and never in part."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._name = name
        with _translated(name):
            self._file = obstore.open_writer(store, name, buffer_size=PART_BUFFER_BYTES, max_concurrency=2)

    def write(self, data: bytes) -> None:
        with _translated(self._name):
            self._file.write(data)

    def close(self) -> None:
        with _translated(self._name):
            self._file.close()


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotFoundError) as error:
        raise FileNotFoundError(name) from error
    except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
        raise Transient(f"the object store refuses access to {name}") from error
    except (BaseError, OSError) as error:
        raise Transient(f"the object store does not serve {name}: {type(error).__name__}") from error
