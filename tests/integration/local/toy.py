"""A small process of a stack: an HTTP server that does as a test says. `python -m tests.integration.local.toy PORT [WORD…]`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cdr_exports.local.http_probe import probe_http
from cdr_exports.local.server import Say, Server, Unavailable

REPOSITORY = Path(__file__).parents[3]


class Toy(Server):
    """Its behaviour is a set of words: `stubborn` ignores SIGTERM, `stillborn` dies at once, `wrong` does so with
    the exit code of a process that is configured wrongly, `spoilt` cannot be prepared.

    It answers 503 while there is a file `sick` in its folder.
    """

    hopeless_exit_codes = frozenset({2})

    def __init__(self, name: str, home: Path, ports: Mapping[str, int], *words: str) -> None:
        super().__init__(name, home, ports)
        self.words = words

    @classmethod
    def program(cls) -> Path:
        return Path(sys.executable)

    def prepare(self, say: Say) -> None:
        say("rubbing its eyes")
        if "spoilt" in self.words:
            raise Unavailable("cannot have toys; buy some")

    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", "tests.integration.local.toy", str(self.ports["http"]), *self.words]

    def environment(self) -> Mapping[str, str]:
        return os.environ | {"PYTHONPATH": str(REPOSITORY)}

    async def probe(self) -> None:
        await probe_http(self.ports["http"], "/")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if Path("sick").exists() else 200)
        self.end_headers()


def main() -> None:
    port, *words = sys.argv[1:]
    if "stillborn" in words:
        sys.exit("no spring in me")
    if "wrong" in words:
        sys.exit(2)
    if "stubborn" in words:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    HTTPServer(("127.0.0.1", int(port)), _Handler).serve_forever()


if __name__ == "__main__":
    main()
