"""A live view of the account directory: the two compacted topics, followed from the beginning.

It is complete before `caught_up` is set, and follows changes as they come. A record that cannot be read is counted and
logged, and the account keeps its last good state: one bad publisher must not lock every customer out.
"""

from __future__ import annotations

import asyncio
from typing import Never

from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.domain.directory import Directory
from cdr_exports.domain.errors import Poison, Transient
from cdr_exports.domain.events import AccountChanged, ApiAccessChanged
from cdr_exports.domain.identity import AccountId, ApiAccessId
from cdr_exports.runtime import kafka
from cdr_exports.runtime.backoff import delays
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.settings import KafkaSettings

log = logger(__name__)


class DirectoryView:
    """`directory` is as new as the topics, within about a second, once `caught_up` is set."""

    def __init__(self, settings: KafkaSettings, codec: Codec, registry: Registry | None = None) -> None:
        self.directory = Directory()
        self.caught_up = asyncio.Event()
        self._settings, self._codec, self._registry = settings, codec, registry

    async def run(self) -> Never:
        """For ever; a broker that is away is waited for, and the view stays as it was meanwhile."""
        waits = delays()
        while True:
            try:
                await kafka.follow(self._settings, (topics.ACCOUNTS, topics.API_ACCESSES), self._apply, self.caught_up)
            except Transient as error:
                log.warning("directory.unavailable", reason=str(error))
                await asyncio.sleep(next(waits))

    def _apply(self, raw: kafka.Raw) -> None:
        try:
            if raw.value is None:
                self._remove(raw)
            elif raw.topic == topics.ACCOUNTS:
                self.directory.put_account(self._codec.decode(raw.value, (AccountChanged,)))
            else:
                self.directory.put_access(self._codec.decode(raw.value, (ApiAccessChanged,)))
        except (Poison, ValueError) as error:
            log.error("directory.unreadable", topic=raw.topic, offset=raw.offset, reason=str(error))
            if self._registry is not None:
                topic = "accounts" if raw.topic == topics.ACCOUNTS else "api_accesses"
                self._registry.count("dead_letters", topic=topic)

    def _remove(self, raw: kafka.Raw) -> None:
        key = int(raw.key or b"")
        if raw.topic == topics.ACCOUNTS:
            self.directory.remove_account(AccountId(key))
        else:
            self.directory.remove_access(ApiAccessId(key))
