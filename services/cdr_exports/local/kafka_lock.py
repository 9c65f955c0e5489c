"""Writes kafka.lock.json anew: `python -m cdr_exports.local.kafka_lock`. Run it to move to other versions."""

from __future__ import annotations

import json

from cdr_exports.local.kafka_server import LOCK_FILE, resolved_jars

ROOTS = (
    "org.apache.kafka:kafka_2.13:4.3.0",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1",
    "org.apache.logging.log4j:log4j-core:2.25.1",
)

if __name__ == "__main__":
    lines = sorted(json.dumps(jar._asdict()) for jar in resolved_jars(ROOTS))
    LOCK_FILE.write_text("[\n  " + ",\n  ".join(lines) + "\n]\n")
