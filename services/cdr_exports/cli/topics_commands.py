"""`cdr-exports topics …`: the broker's topics as deploy/kafka/topics.yaml says. Nothing else ever creates one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from cdr_exports.cli.output import Failed, quiet_logs, remark, say, say_json
from cdr_exports.cli.surroundings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdr_exports.contract.topics import TopicSetup
    from cdr_exports.runtime.kafka_topics import Difference
    from cdr_exports.runtime.settings import KafkaSettings

app = typer.Typer()

LOCAL_BROKERS = 1
"""The local stack cannot hold the copies that a cluster should have."""
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON list.")]


@app.command(epilog="Example: cdr-exports topics apply")
def apply(as_json: AsJson = False) -> None:
    """Create the topics that are missing and set what is set otherwise. Exit code 1 if that was not enough."""
    from cdr_exports.runtime.kafka_topics import apply_topics
    from cdr_exports.runtime.settings import KafkaSettings

    quiet_logs()
    kafka = settings(KafkaSettings)
    found = asyncio.run(apply_topics(kafka, wanted_topics(kafka)))
    done, left = [each for each in found if each.can_apply], [each for each in found if not each.can_apply]
    _say(done, "put right: ", as_json=as_json)
    for each in left:
        remark(sentence(each))
    if left:
        raise Failed(f"{len(left)} differences cannot be put right on a live topic")


@app.command(epilog="Example: cdr-exports topics diff")
def diff(as_json: AsJson = False) -> None:
    """Say how the topics differ from what they should be. Exit code 1 if they do."""
    from cdr_exports.runtime.kafka_topics import diff_topics
    from cdr_exports.runtime.settings import KafkaSettings

    quiet_logs()
    kafka = settings(KafkaSettings)
    differences = asyncio.run(diff_topics(kafka, wanted_topics(kafka)))
    _say(differences, "", as_json=as_json)
    if differences:
        raise typer.Exit(1)


def wanted_topics(kafka: KafkaSettings) -> tuple[TopicSetup, ...]:
    """The topics as they should be on this cluster."""
    from cdr_exports.cli.surroundings import local_status
    from cdr_exports.contract.topics import load_topics

    status = local_status()
    is_local = status is not None and status.get("kafka") == kafka.kafka_bootstrap
    return load_topics(kafka.kafka_replication_factor or (LOCAL_BROKERS if is_local else None))


def sentence(difference: Difference) -> str:
    return f"{difference.topic} {difference.text}"


def _say(differences: Sequence[Difference], prefix: str, *, as_json: bool) -> None:
    if as_json:
        say_json([{"topic": each.topic, "text": each.text, "can_apply": each.can_apply} for each in differences])
        return
    for each in differences:
        say(f"{prefix}{sentence(each)}")
    if not differences:
        say("nothing to put right")
