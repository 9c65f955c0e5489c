"""Nothing that a client sends over the wire gives a 500, and every refusal is a document."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterable
from email.parser import BytesHeaderParser
from typing import NamedTuple
from urllib.parse import urlsplit

from cdr_exports.domain.identity import ExportId
from tests.integration.api_contract.installation import ALL_OF_ACME, JSON_API, MAIN, Installation, account_uuid
from tests.integration.api_contract.malformed import Case, Corpus

SEED, EACH_FAMILY, AT_ONCE = 20261124, 240, 6
GOOD = {200, 201, 204, 206, 304}
REFUSED = {400, 401, 404, 406, 413, 415, 416, 422}
NOT_HTTP = b"Invalid HTTP request received."


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


async def send(port: int, case: Case) -> Answer | None:
    """None: the server hung up without a word, as it may on a request that does not end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        try:
            writer.write(case.wire())
            await writer.drain()
            if not case.is_http:
                writer.write_eof()
        except ConnectionError:
            pass  # it has answered and closed before all was sent
        received = bytearray()
        async with asyncio.timeout(30):
            try:
                while b"text/event-stream" not in received and (piece := await reader.read(65536)):
                    received += piece  # of a stream, which may not end, the beginning
            except ConnectionError:
                pass  # closed with some of the request unread; what was answered is here
    finally:
        writer.close()
    return parsed(bytes(received))


def parsed(received: bytes) -> Answer | None:
    head, _, body = received.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    if not head:
        return None
    first, _, rest = head.partition(b"\r\n")
    headers = {name.lower(): value for name, value in BytesHeaderParser().parsebytes(rest).items()}
    return Answer(int(first.split()[1]), headers, body)


def fault(case: Case, answer: Answer | None) -> str | None:
    """What is wrong with the answer."""
    if answer is None:
        return None if not case.is_http else "no answer"
    if not case.is_http and answer.body == NOT_HTTP:
        return None
    if answer.status in GOOD:
        return None
    if answer.status not in REFUSED:
        return f"status {answer.status}"
    if case.method == "HEAD" or (answer.status in (404, 416) and "/download" in case.target and not answer.body):
        return None
    return fault_of_document(answer)


def fault_of_document(answer: Answer) -> str | None:
    if answer.headers.get("content-type") != JSON_API:
        return f"media type {answer.headers.get('content-type')}"
    for error in json.loads(answer.body)["errors"]:
        members = [name for name in error if name != "source"]
        if members != ["title", "detail", "code", "status"] or not all(
            isinstance(error[each], str) for each in members
        ):
            return f"error {error}"
    if json.loads(answer.body)["errors"][0]["status"] != str(answer.status):
        return "the document's status is another"
    return None


async def send_all(port: int, cases: Iterable[tuple[str, Case]]) -> tuple[list[str], Counter[int]]:
    """What went wrong, and how often each status was the answer."""
    faults, seen, left = [], Counter[int](), iter(enumerate(cases))

    async def work() -> None:
        for number, (family, case) in left:
            answer = await send(port, case)
            seen[answer.status if answer else 0] += 1
            if found := fault(case, answer):
                faults.append(f"{family} {number}: {found}: {case.wire()[:600]!r} -> {answer and answer.body[:200]!r}")

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    return faults, seen


async def test_nothing_that_a_client_sends_gives_a_500(api: Installation) -> None:
    completed: ExportId = await api.export(MAIN)
    await api.shown(completed, "Completed")
    ids = (str(completed), str(await api.export(MAIN, has_ended=False)))
    corpus = Corpus(api.issuer.for_access(ALL_OF_ACME), ids, account_uuid(MAIN), random.Random(SEED))

    faults, seen = await send_all(urlsplit(api.url).port or 0, corpus.cases(EACH_FAMILY))

    assert seen.total() >= 2000
    assert seen.keys() >= {200, 201, 206, 400, 401, 404, 406, 413, 415, 416, 422}, seen
    assert not faults, "\n".join([f"{len(faults)} faults, seed {SEED}", *faults[:10]])
