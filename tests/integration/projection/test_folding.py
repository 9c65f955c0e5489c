from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdr_exports.domain.events import Command, Fact
from cdr_exports.domain.filters import Filters
from cdr_exports.domain.lifecycle import Status
from cdr_exports.projection.folding import Folding, Read
from cdr_exports.projection.reads import Reads, Viewer
from cdr_exports.projection.waiting import Waiting
from cdr_exports.runtime.kafka import Partition
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database
from tests.integration.projection.logs import (
    ACCOUNT,
    AT,
    EVENTS,
    REQUESTS,
    completed,
    delete_requested,
    dumped,
    failed,
    fold,
    log_of,
    new_id,
    offsets,
    progressed,
    requested,
    started,
    whole_life,
)

VIEWER = Viewer(customer=7, account_ids=[ACCOUNT])
IDS = [new_id() for _ in range(3)]
COMMANDS: list[Command] = [
    *(requested(each) for each in IDS),
    requested(IDS[0], time_zone_name="of a second request"),
    delete_requested(IDS[1]),
]
FACTS: list[Fact] = [fact for facts in zip(*map(whole_life, IDS), strict=True) for fact in facts]


async def reset(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("TRUNCATE exports, projection_offsets")


class Step(NamedTuple):
    """A batch: from so many records before what was read of the log up to so many after; perhaps the projector then dies."""

    log: int
    again: int
    further: int
    dies: bool


STEPS = st.lists(
    st.builds(Step, st.sampled_from([0, 1]), st.integers(0, 9), st.integers(1, 9), st.booleans()), max_size=9
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_however_a_log_is_read_the_read_model_is_the_same(database: Database, steps: list[Step]) -> None:
    logs = [log_of(REQUESTS, COMMANDS), log_of(EVENTS, FACTS)]
    await reset(database)
    await fold(database, *logs)
    in_order = await dumped(database)
    await reset(database)

    folding, done = Folding(database), [0, 0]
    await folding.starts({REQUESTS, EVENTS})
    for step in [*steps, Step(0, 0, len(COMMANDS), True), Step(1, 0, len(FACTS), False)]:
        upto = done[step.log] + step.further
        await folding.apply(logs[step.log][max(done[step.log] - step.again, 0) : upto])
        done[step.log] = upto
        if step.dies:
            folding = Folding(database)
            await folding.starts({REQUESTS, EVENTS})

    assert await dumped(database) == in_order
    assert in_order.count(b"\n") == len(IDS)


async def test_an_event_before_its_request_shows_nothing_until_the_request_comes(
    database: Database, registry: Registry
) -> None:
    export_id, reads = new_id(), Reads(database, Waiting(database, registry))
    folding = await fold(database, log_of(EVENTS, [started(export_id), completed(export_id)]))

    before = await reads.page(VIEWER, offset=0, limit=10)
    await folding.apply(log_of(REQUESTS, [requested(export_id)]))
    after = await reads.page(VIEWER, offset=0, limit=10)

    assert (before.total, before.states) == (0, [])
    assert [state.status for state in after.states] == [Status.COMPLETED]


async def test_offsets_are_saved_with_the_batch_and_unusable_records_count(database: Database) -> None:
    folding = await fold(database, log_of(REQUESTS, [requested(new_id()), None]), log_of(EVENTS, [None], first=5))

    assert await offsets(database) == {REQUESTS: 2, EVENTS: 6}
    assert folding.applied == {REQUESTS: 2, EVENTS: 6}


async def test_a_zombie_neither_moves_offsets_back_nor_applies_twice(database: Database) -> None:
    export_id = new_id()
    log = log_of(EVENTS, [started(export_id), progressed(export_id, 0, 1), completed(export_id)])
    zombie = await fold(database, log[:1])
    await fold(database, log)
    before = await dumped(database)

    outcome = await zombie.apply(log[1:2])

    assert await dumped(database) == before
    assert await offsets(database) == {EVENTS: 3}
    assert (outcome.repeated, outcome.changed, outcome.rewound) == (1, 0, {})


async def test_a_read_model_that_was_emptied_is_read_again_from_the_beginning(database: Database) -> None:
    log = log_of(REQUESTS, [requested(new_id()) for _ in range(3)])
    folding = await fold(database, log[:2])
    before = await dumped(database)
    await reset(database)

    outcome = await folding.apply(log[2:])
    nothing = await dumped(database)
    await folding.apply(log[:2])

    assert outcome.rewound == {REQUESTS: 0}
    assert nothing == b""
    assert await dumped(database) == before


async def test_an_emptied_read_model_is_noticed_without_a_new_record(database: Database) -> None:
    folding = await fold(database, log_of(REQUESTS, [requested(new_id())]))
    await reset(database)

    rewound = await folding.complete([], {REQUESTS})

    assert rewound == {REQUESTS: 0}


async def test_two_projectors_that_read_request_and_events_of_an_export_at_once_lose_neither(
    database: Database,
) -> None:
    ids = [new_id() for _ in range(30)]
    commands: list[Command] = [*(requested(each) for each in ids), *(delete_requested(each) for each in ids)]
    facts: list[Fact] = [*(started(each) for each in ids), *(completed(each) for each in ids)]
    asks, tells = Folding(database), Folding(database)
    await asks.starts({REQUESTS})
    await tells.starts({EVENTS})

    for command, fact in zip(log_of(REQUESTS, commands), log_of(EVENTS, facts), strict=True):
        await asyncio.gather(asks.apply([command]), tells.apply([fact]))

    states = [json.loads(line) for line in (await dumped(database)).splitlines()]
    assert len(states) == len(ids)
    for each in states:
        assert (each["status"], each["account_id"], each["rows_count"]) == ("Deleted", ACCOUNT, 40)
        assert each["state"]["started"] is not None


@pytest.mark.parametrize("batches", [1, 2], ids=["in one batch", "in two"])
async def test_a_second_ending_is_counted_and_not_shown(database: Database, batches: int) -> None:
    export_id = new_id()
    log = log_of(EVENTS, [completed(export_id), failed(export_id)])
    folding = Folding(database)
    await folding.starts({EVENTS})
    parts: Sequence[Sequence[Read]] = [log] if batches == 1 else [log[:1], log[1:]]

    outcomes = [await folding.apply(part) for part in parts]

    assert sum(outcome.conflicts for outcome in outcomes) == 1
    assert json.loads(await dumped(database))["status"] == "Completed"


async def test_a_nul_in_a_request_does_not_stop_the_fold(database: Database) -> None:
    filters = Filters(time_start_gteq=AT, time_start_lt=AT, src_prefix_routing_eq="a\0b")
    request = requested(new_id(), filters=filters, time_zone_name="\0", requested_by="\0")

    await fold(database, log_of(REQUESTS, [request]))

    shown = json.loads(await dumped(database))
    assert shown["state"]["request"]["filters"]["src_prefix_routing_eq"] == "a\0b"
    assert shown["time_zone_name"] == "\N{REPLACEMENT CHARACTER}"


async def test_offsets_without_records_are_skipped_only_from_where_reading_stands(database: Database) -> None:
    other = Partition(EVENTS.topic, 1)
    folding = await fold(database, log_of(EVENTS, [None]), log_of(other, [None]))
    await fold(database, log_of(other, [None], first=1))

    await folding.skip({EVENTS: 4, other: 9})

    assert await offsets(database) == {EVENTS: 4, other: 2}
    assert folding.applied == {EVENTS: 4, other: 1}
