"""A Confluent-compatible schema registry over HTTP, for installations that have one. Rarely asked, and what it says of an
id never changes, so each id is asked for once; the calls block, for two seconds at most.

Subjects are the records' full names (RecordNameStrategy), since a topic holds several records.
"""

from __future__ import annotations

import json
from base64 import b64encode
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import Request, urlopen

from cdr_exports.contract.codec import Codec
from cdr_exports.contract.schema_files import NAMESPACE
from cdr_exports.domain.errors import Misconfigured, Transient
from cdr_exports.runtime.settings import KafkaSettings

TIMEOUT_SECONDS = 2
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


def codec_for(settings: KafkaSettings) -> Codec:
    """The codec that this installation writes and reads with. Raises Misconfigured, Transient."""
    url = settings.schema_registry_url
    return Codec.load(HttpRegistry(url) if url else None)


class HttpRegistry:
    """Methods raise Transient when the registry does not answer."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misconfigured(
                [f"CDR_EXPORTS_SCHEMA_REGISTRY_URL: not an http(s) URL: {parts.scheme}://{parts.hostname}"]
            )
        self._base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._headers = {"content-type": MEDIA_TYPE, "accept": f"{MEDIA_TYPE}, application/json"}
        if parts.username:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["authorization"] = "Basic " + b64encode(login.encode()).decode()
        self._unknown: set[int] = set()

    def id_of(self, schema: dict[str, Any]) -> int:
        """The id of `schema`, which is registered if it was not. Raises Misconfigured where the registry refuses it."""
        subject = quote(f"{NAMESPACE}.{schema['name']}", safe="")
        try:
            answer = self._ask("POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema)})
        except HTTPError as error:
            text = error.read(500).decode(errors="replace")
            raise Misconfigured([f"the schema registry refuses {subject}: {error.code} {text}"]) from error
        return int(answer["id"])

    def schema_of(self, schema_id: int) -> dict[str, Any]:
        """Raises LookupError if there is no such id; it is not asked for again."""
        if schema_id in self._unknown:
            raise LookupError(schema_id)
        try:
            definition = json.loads(self._ask("GET", f"/schemas/ids/{schema_id}")["schema"])
        except HTTPError as error:
            if error.code != 404:
                raise Transient(f"the schema registry answers {error.code}") from error
            self._unknown.add(schema_id)
            raise LookupError(schema_id) from error
        if not isinstance(definition, dict):
            raise LookupError(schema_id)  # noqa: TRY004 -- a schema, but of no record
        return definition

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Raises HTTPError for a refusal, Transient for no answer."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._base + path, data=data, headers=self._headers, method=method)  # noqa: S310 -- checked
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 -- the scheme was checked
                return json.load(answer)
        except HTTPError as error:
            if error.code >= 500:
                raise Transient(f"the schema registry answers {error.code}") from error
            raise
        except (OSError, HTTPException, ValueError) as error:
            raise Transient(f"the schema registry does not answer: {error}") from error
