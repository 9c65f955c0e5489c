"""What the supervisor must know of a process to keep it running, and how its processes are started.

A process of the stack is described by a `Server`: how it is prepared, started, probed and stopped. The kernel sends it
its death signal when the supervisor dies, however that dies, so that no process is left behind. Linux only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path

from cdr_exports.domain.errors import CdrExportsError

NOBODY = 65534
Say = Callable[[str], None]

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)  # loaded before any fork: the child may not load anything


class Unavailable(CdrExportsError):
    """Something the stack needs cannot be had; the text says what, and what to do."""


class Server(ABC):
    """One process of the stack. It works in `home`, a folder of its own."""

    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    """What the kernel sends when the supervisor is gone. Nobody is there to lose patience then, so it must suffice."""
    hopeless_exit_codes: frozenset[int] = frozenset()
    """A process that ends with one of these before it has run will not run next time, either."""
    as_nobody: bool = False
    """Root becomes nobody in it."""

    def __init__(self, name: str, home: Path, ports: Mapping[str, int]) -> None:
        """`home` is absolute. `ports` are those of this run, by the names the server gives them, the main one first."""
        self.name = name
        self.home = home
        self.ports = ports

    @classmethod
    @abstractmethod
    def program(cls) -> Path:
        """The executable. Raises Unavailable."""

    @abstractmethod
    def prepare(self, say: Say) -> None:
        """Before every start, in `home`; quick the second time. Blocks. `say` may raise. Raises Unavailable."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The arguments of the process, the program first. No secret among them: everybody can read them."""

    def environment(self) -> Mapping[str, str]:
        """All of the process's environment."""
        return os.environ

    @abstractmethod
    async def probe(self) -> None:
        """Returns if the process does its work. Raises Transient."""


def program_of(distribution: str, name: str) -> Path:
    """A program that an installed wheel brought. Raises Unavailable."""
    try:
        files = metadata.files(distribution) or ()
    except metadata.PackageNotFoundError as error:
        why = f"the package {distribution} is not installed: pip install 'cdr-exports[local]'"
        raise Unavailable(why) from error
    found = next((file for file in files if file.name == name), None)
    if found is None:
        raise Unavailable(f"the package {distribution} brings no {name}: install it again")
    return Path(str(found.locate())).resolve()


def run_tool(command: Sequence[str], *, as_nobody: bool = False) -> None:
    """Runs a program to its end. Blocks. Raises Unavailable with what it said if it fails."""
    done = subprocess.run(  # noqa: S603 -- our own arguments
        command,
        stdin=subprocess.DEVNULL,
        text=True,
        capture_output=True,
        check=False,
        preexec_fn=partial(before_exec, os.getpid(), signal.SIGKILL, as_nobody),
    )
    if done.returncode:
        raise Unavailable(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-500:]}")


def before_exec(parent: int, death_signal: signal.Signals, as_nobody: bool) -> None:
    """Runs in the child, before the program: ties its life to the thread that made it.

    `as_nobody` is for PostgreSQL, which refuses root. In a user namespace of its own root looks like nobody to the
    program while its files stay root's: no account is made and no folder opened. Where namespaces are forbidden, as in
    most containers, root really becomes nobody.
    """
    if as_nobody and os.geteuid() == 0:
        if _libc.unshare(_CLONE_NEWUSER) == 0:
            _write("/proc/self/setgroups", b"deny")
            _write("/proc/self/uid_map", b"%d 0 1" % NOBODY)
            _write("/proc/self/gid_map", b"%d 0 1" % NOBODY)
        else:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
    _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))  # after the above: a change of identity clears it
    if os.getppid() != parent:  # it died in between
        os._exit(1)


def _write(file: str, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY)
    os.write(descriptor, content)
    os.close(descriptor)
