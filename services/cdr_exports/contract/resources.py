"""Where the files of the contract lie: the schemas, and the list of topics.

They stand at the repository's top for their readers, and travel inside the wheel for the program (`force-include` in
pyproject.toml). Whoever asks gets a path and reads it; nothing is read here.
"""

from __future__ import annotations

from pathlib import Path

from cdr_exports.domain.errors import Misconfigured

_PACKAGE = Path(__file__).resolve().parents[1]
_TOPS = (_PACKAGE / "_repository", _PACKAGE.parents[1])
"""Inside an installed wheel, and in a checkout."""


def repository_path(name: str) -> Path:
    """The file or folder `name`, relative to the repository's top. Raises Misconfigured if the installation lacks it."""
    for top in _TOPS:
        if (path := top / name).exists():
            return path
    raise Misconfigured([f"{name} is missing from the installation: it is neither in the package nor in a checkout"])
