from __future__ import annotations

import pytest
import yaml

from cdr_exports.contract import topics
from cdr_exports.contract.resources import repository_path
from cdr_exports.contract.topics import RECORDS, key_of, load_topics, read_topics, topic_of
from cdr_exports.domain.errors import Misconfigured
from tests.contract.records import EXPORT, RECORD_TYPES, SAMPLES

FILE = repository_path("deploy/kafka/topics.yaml").read_text()


@pytest.mark.parametrize(
    ("sample", "topic", "key"),
    [
        ("ExportRequested.v1.full", topics.REQUESTS, str(EXPORT).encode()),
        ("ExportDeleteRequested.v1.full", topics.REQUESTS, str(EXPORT).encode()),
        ("ExportStarted.v1.full", topics.EVENTS, str(EXPORT).encode()),
        ("ExportProgressed.v1.full", topics.EVENTS, str(EXPORT).encode()),
        ("ExportCompleted.v1.full", topics.EVENTS, str(EXPORT).encode()),
        ("ExportFailed.v1.full", topics.EVENTS, str(EXPORT).encode()),
        ("ExportDeleted.v1.full", topics.EVENTS, str(EXPORT).encode()),
        ("SliceReady.v1.full", topics.SLICES, f"{EXPORT}:1".encode()),
        ("AccountChanged.v1.full", topics.ACCOUNTS, b"71"),
        ("ApiAccessChanged.v1.full", topics.API_ACCESSES, b"15"),
        ("DeadLetter.v1.full", topics.DEAD_LETTERS, b"\x00\xff"),
        ("DeadLetter.v1.least", topics.DEAD_LETTERS, None),
    ],
)
def test_a_record_has_its_topic_and_its_key(sample: str, topic: str, key: bytes | None) -> None:
    assert (topic_of(SAMPLES[sample]), key_of(SAMPLES[sample])) == (topic, key)


def test_a_record_belongs_to_one_topic() -> None:
    assert len(RECORD_TYPES) == len(set(RECORD_TYPES)) == 11


def test_the_file_sets_up_every_topic_and_no_other() -> None:
    assert {topic.name for topic in load_topics()} == set(RECORDS)


def test_topics_that_share_keys_have_as_many_partitions() -> None:
    partitions = {topic.name: topic.partitions for topic in load_topics()}

    assert partitions[topics.REQUESTS] == partitions[topics.SLICES] == partitions[topics.EVENTS] == 24


def test_what_must_be_replayed_is_kept_for_ever_and_never_compacted() -> None:
    kept = {topic.name: topic.configs for topic in load_topics() if topic.name in (topics.REQUESTS, topics.EVENTS)}

    assert {(each["cleanup.policy"], each["retention.ms"]) for each in kept.values()} == {("delete", "-1")}


def test_the_directory_is_compacted() -> None:
    compacted = {topic.name for topic in load_topics() if topic.configs["cleanup.policy"] == "compact"}

    assert compacted == {topics.ACCOUNTS, topics.API_ACCESSES}


def test_a_record_is_acknowledged_by_two_of_three_brokers() -> None:
    assert {(each.replication_factor, each.configs["min.insync.replicas"]) for each in load_topics()} == {(3, "2")}


def test_one_broker_has_one_copy_and_waits_for_no_other() -> None:
    assert {(each.replication_factor, each.configs["min.insync.replicas"]) for each in load_topics(1)} == {(1, "1")}


def test_configs_are_text_as_kafka_wants_them() -> None:
    assert all(isinstance(value, str) for topic in load_topics() for value in topic.configs.values())


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("replication_factor: 3", "replication_factor: 0", "replication_factor must be a whole number of at least 1"),
        ("partitions: 24", "partitions: many", "cdr-exports.requests.v1: partitions must be a whole number"),
        ("retention.ms: -1", "retention.ms: yes", "configs must be whole numbers or text in quotes"),
        ("partitions: 24", "partition: 24", "cdr-exports.requests.v1: no such setting: partition"),
        ("name: cdr-exports.events.v1", "name: cdr-exports.event.v1", "cdr-exports.events.v1 is missing"),
        ("name: cdr-exports.events.v1", "name: cdr-exports.slices.v1", "is no topic of ours, or is there twice"),
        ("topics:", "topics: [", "cannot be read"),
        ("  - name: cdr-exports.slices.v1", "  - nome: cdr-exports.slices.v1", "cannot be read: 'name'"),
    ],
)
def test_a_fault_of_the_file_is_told(old: str, new: str, fault: str) -> None:
    with pytest.raises(Misconfigured, match=fault):
        read_topics(FILE.replace(old, new, 1))


def test_all_faults_are_told_at_once() -> None:
    document = yaml.safe_load(FILE) | {"replication_factor": None, "min_insync_replicas": "2"}

    with pytest.raises(Misconfigured) as caught:
        read_topics(yaml.safe_dump(document))

    assert len(caught.value.faults) == 2
