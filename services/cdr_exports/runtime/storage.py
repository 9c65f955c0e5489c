"""The one door to object stores (obstore): a local directory, S3, GCS or Azure, by the same calls.

Objects are written whole or not at all. The ledger rests on `create`: of several writers of one name exactly one is
told True. `part` and `pieces` block and are for worker threads; the rest is for the event loop.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, ObjectStore, S3Store, from_url

from cdr_exports.domain.errors import Misconfigured, Transient

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

RANGE_BYTES = 4 << 20
"""Read by ranges: obstore streams a local file in runs of 8 KiB, at twenty times the cost. See tests/bench."""
PART_BUFFER_BYTES = 5 << 20
"""A part is sent in runs of this size, so that a worker's memory does not depend on the size of a slice. S3's minimum."""
REQUEST_TIMEOUT = "60s"
RETRIES = 3
NO_BUCKET = "NoSuchBucket"
"""S3's code for a bucket that does not exist; on the wire it comes as 404, like an object that does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object as a listing shows it."""

    name: str
    bytes: int
    modified_at: datetime


class Store:
    """Objects by name under one URL. Every method raises Transient when the store does not answer as it should.

    A part whose writer dies with its process never becomes an object. On S3 its pieces are an upload that nobody ends:
    give the bucket a lifecycle rule that aborts incomplete uploads after a day.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def open(cls, url: str, environment: Mapping[str, str] | None = None) -> Self:
        """Raises Misconfigured for a URL that names no store, or a folder that cannot be made.

        S3 is told the usual way: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or whatever
        else its clients find in the environment; names in `environment` come before those of the process.
        """
        try:
            if url.startswith("file://"):
                folder = Path(unquote(urlsplit(url).path))
                folder.mkdir(parents=True, exist_ok=True)
                return cls(LocalStore(folder))
            if url.startswith("s3://"):
                return cls(_s3(url, environment or {}))
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
            except NotFoundError as error:
                raise Transient(_no_bucket(name)) from error
            return True

    async def read(self, name: str) -> bytes | None:
        """The whole of a small object; None where there is none."""
        try:
            with _translated(name):
                return bytes(await (await obstore.get_async(self._store, name)).bytes_async())
        except FileNotFoundError:
            return None

    async def exists(self, name: str) -> bool:
        try:
            with _translated(name):
                await obstore.head_async(self._store, name)
        except FileNotFoundError:
            return False
        return True

    async def delete(self, name: str) -> None:
        """An object that is not there is as good as deleted."""
        try:
            with _translated(name):
                await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return

    async def list(self, prefix: str) -> list[str]:
        """Names of all objects under `prefix`, in no order."""
        return [each.name for each in await self.listing(prefix)]

    async def listing(self, prefix: str) -> builtins.list[Listed]:
        """All objects under `prefix`, in no order."""
        with _translated(prefix):
            found = await obstore.list(self._store, prefix).collect_async()
            return [
                Listed(name=str(each["path"]), bytes=each["size"], modified_at=each["last_modified"]) for each in found
            ]

    async def range(self, name: str, start: int, end: int) -> bytes:
        """Bytes [start, end) of an object, in one request that is over when this returns. Raises FileNotFoundError; and
        Transient for an object that is shorter.
        """
        with _translated(name):
            found = bytes(await obstore.get_range_async(self._store, name, start=start, end=end))
        if len(found) != end - start:
            raise Transient(f"the object store gave {len(found)} bytes of {name} for {end - start}")
        return found

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


def _s3(url: str, environment: Mapping[str, str]) -> S3Store:
    told: Any = {name.lower(): value for name, value in environment.items() if name.startswith("AWS_")}
    endpoint = environment.get("AWS_ENDPOINT_URL", os.environ.get("AWS_ENDPOINT_URL", ""))
    options: ClientConfig = {"timeout": REQUEST_TIMEOUT, "allow_http": endpoint.startswith("http://")}
    retries: RetryConfig = {"max_retries": RETRIES}
    return S3Store.from_url(url, config=told, client_options=options, retry_config=retries)


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Raises FileNotFoundError for a missing object, else Transient: an operator can mend all of it."""
    try:
        yield
    except (FileNotFoundError, NotFoundError) as error:
        if NO_BUCKET in str(error):
            raise Transient(_no_bucket(name)) from error
        raise FileNotFoundError(name) from error
    except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
        raise Transient(f"the object store refuses access to {name}: check its credentials") from error
    except (BaseError, OSError) as error:
        if " 403 " in str(error):  # a refused listing is not told apart by its type
            raise Transient(f"the object store refuses access to {name}: check its credentials") from error
        raise Transient(f"the object store does not serve {name}: {_first_line(error)}") from error


def _no_bucket(name: str) -> str:
    return f"the object store has no place for {name}: its bucket does not exist"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
