"""Starting the stack behind: another process, in a session of its own, that outlives this command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import typer

from cdr_exports.cli.local_screen import Screen
from cdr_exports.cli.output import remark
from cdr_exports.local.control import NotRunning, ask
from cdr_exports.local.folder import Folder

LOOK_SECONDS = 0.2
ANSWER_SECONDS = 10.0


def run_behind(folder: Folder, arguments: Sequence[str]) -> dict[str, Any]:
    """Starts `local up` with `arguments` and returns its status when it is ready.

    If it fails, says what it said and exits as it did. Raises Unavailable where a stack runs already.
    """
    _refuse_a_second(folder)
    process = _spawn(folder, arguments)
    try:
        with Screen(stays=False) as screen:
            while process.poll() is None:
                answer = _status(folder)
                if answer is not None:
                    screen.show(lambda latest=answer: latest)  # type: ignore[misc]  # a default binds the value
                    if answer["status"]["ready"]:
                        return dict(answer["status"])
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise typer.Exit(1) from None
    remark(folder.errors.read_text().strip() or f"the stack ended, see {folder.log('supervisor')}")
    raise typer.Exit(process.returncode or 1)


def _spawn(folder: Folder, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    folder.make()
    command = [sys.executable, "-P", "-m", "cdr_exports", "local", "up", *arguments]
    environment = os.environ | {"CDR_EXPORTS_LOCAL_DIR": str(folder.path)}
    with folder.log("supervisor").open("ab") as log, folder.errors.open("wb") as errors:
        return subprocess.Popen(  # noqa: S603 -- our own program
            command,
            cwd=folder.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=errors,
            start_new_session=True,
        )


def _refuse_a_second(folder: Folder) -> None:
    if folder.is_ours():
        with folder.locked():
            """Nobody holds it."""


def _status(folder: Folder) -> dict[str, Any] | None:
    try:
        return ask(folder, "status", timeout_seconds=ANSWER_SECONDS)
    except NotRunning:
        return None
