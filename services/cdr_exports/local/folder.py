"""The folder of one local stack: private to its owner, used by one supervisor at a time, deleted only by what we put in.

lock, control, status.json, ports.json     of the running supervisor
supervisor.log, supervisor.errors          what a supervisor in the background says
secrets/                                   one file a secret
store/                                     the object store
NAME/                                      a process: its log, its data
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cdr_exports.local.server import Unavailable

SECRET_BYTES = 48
_OURS = re.compile(
    r"lock|control|(status|ports)\.json(\.new)?|supervisor\.(log|errors)|secrets|store"
    r"|kafka|postgres|clickhouse|s3|facade|projection|ingress|processor-\d+"
)


class Folder:
    """Paths and files of one stack. `path` is absolute."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def store(self) -> Path:
        return self.path / "store"

    @property
    def errors(self) -> Path:
        """Of a supervisor in the background."""
        return self.path / "supervisor.errors"

    def home(self, name: str) -> Path:
        """Of the process `name`."""
        return self.path / name

    def log(self, name: str) -> Path:
        return self.path / "supervisor.log" if name == "supervisor" else self.home(name) / "log"

    def is_ours(self) -> bool:
        """Whether a stack has ever lived here."""
        return (self.path / "lock").exists()

    def make(self) -> None:
        """Makes what is missing. Raises Unavailable if the folder holds something else."""
        if self.path.exists() and not self.is_ours() and any(self.path.iterdir()):
            raise Unavailable(f"{self.path} is not a local stack's and not empty: set CDR_EXPORTS_LOCAL_DIR")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.path / "lock").touch(mode=0o600)
        for inner in "secrets", "store":
            (self.path / inner).mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def locked(self, *, wait: bool = False) -> Iterator[None]:
        """Keeps every other supervisor out. The lock ends with its process, however that ends. Raises Unavailable."""
        descriptor = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise Unavailable(f"a stack runs in {self.path} already: see `cdr-exports local status`") from error
        finally:
            os.close(descriptor)

    def secret(self, name: str) -> Path:
        """The file of a secret, made up the first time."""
        file = self.path / "secrets" / name
        if not file.exists():
            self.write(file, secrets.token_urlsafe(SECRET_BYTES))
        return file

    def write(self, file: Path, content: str) -> Path:
        """Whole or not at all, and for the owner's eyes only."""
        unfinished = file.with_name(file.name + ".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(content)
        return unfinished.rename(file)

    def last_ports(self) -> dict[str, dict[str, int]]:
        """By process and name, as the last supervisor had them."""
        try:
            ports: dict[str, dict[str, int]] = json.loads((self.path / "ports.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return ports

    def remember_ports(self, ports: Mapping[str, Mapping[str, int]]) -> None:
        self.write(self.path / "ports.json", json.dumps(ports, indent=1))

    def purge(self) -> None:
        """Deletes all that a stack puts into its folder, and the folder if that leaves it empty."""
        for entry in self.path.iterdir():
            if not _OURS.fullmatch(entry.name):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        if not any(self.path.iterdir()):
            self.path.rmdir()
