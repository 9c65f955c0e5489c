"""Topics on a broker against topics as they should be: what differs, and what can be put right.

Partitions of a live topic are never added: keys would move and positions in the log would lose their meaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from cdr_exports.contract.topics import TopicSetup
from cdr_exports.domain.errors import Transient
from cdr_exports.runtime.kafka import admin
from cdr_exports.runtime.settings import KafkaSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it should be, as a sentence. `can_apply` says whether `apply_topics` puts it right."""

    topic: str
    text: str
    can_apply: bool


async def diff_topics(settings: KafkaSettings, wanted: Iterable[TopicSetup]) -> list[Difference]:
    """Raises Transient if no broker answers."""
    async with admin(settings) as client:
        return await _differences(client, list(wanted))


async def apply_topics(settings: KafkaSettings, wanted: Iterable[TopicSetup]) -> list[Difference]:
    """Creates what is missing and sets configurations; gives what was done, and what cannot be. Safe to repeat."""
    topics = list(wanted)
    async with admin(settings) as client:
        differences = await _differences(client, topics)
        touched = {each.topic for each in differences if each.can_apply}
        existing = set(await client.list_topics())
        missing = [topic for topic in topics if topic.name not in existing]
        if missing:
            _check_created(await client.create_topics([_new(topic) for topic in missing]))
        changed = [topic for topic in topics if topic.name in touched - {each.name for each in missing}]
        if changed:
            resources = [ConfigResource(ConfigResourceType.TOPIC, each.name, configs=each.configs) for each in changed]
            await client.alter_configs(resources)
        return differences


async def _differences(client: Any, wanted: list[TopicSetup]) -> list[Difference]:
    existing = set(await client.list_topics())
    found = [each for each in wanted if each.name in existing]
    differences = [
        Difference(topic=each.name, text=f"does not exist ({each.partitions} partitions wanted)", can_apply=True)
        for each in wanted
        if each not in found
    ]
    described = (
        {each["topic"]: each for each in await client.describe_topics([each.name for each in found])} if found else {}
    )
    for topic in found:
        partitions = len(described[topic.name]["partitions"])
        if partitions != topic.partitions:
            text = (
                f"has {partitions} partitions, {topic.partitions} are wanted: make a new version of the topic instead"
            )
            differences.append(Difference(topic=topic.name, text=text, can_apply=False))
    configs = await _configs(client, found)
    for topic in found:
        for name, value in topic.configs.items():
            present = configs[topic.name].get(name)
            if present != value:
                text = f"{name} is {present}, {value} is wanted"
                differences.append(Difference(topic=topic.name, text=text, can_apply=True))
    return differences


async def _configs(client: Any, topics: list[TopicSetup]) -> dict[str, dict[str, str]]:
    if not topics:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, each.name) for each in topics]
    configs: dict[str, dict[str, str]] = {}
    for response in await client.describe_configs(asked):
        for _, _, _, name, entries in response.resources:
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return configs


def _new(topic: TopicSetup) -> NewTopic:
    return NewTopic(topic.name, topic.partitions, topic.replication_factor, topic_configs=topic.configs)


def _check_created(response: Any) -> None:
    for name, code, *text in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:  # somebody else applies at the same time
            raise Transient(f"the topic {name} cannot be created: {error.__name__} {' '.join(filter(None, text))}")
