"""What a command finds around it: the environment's settings and, beneath them, those of the local stack that runs here.

So that on a machine with a local stack `cdr-exports directory list` needs no setting at all. What the environment
says wins. Services (`run …`) take their settings from the environment alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from cdr_exports.runtime.settings import Group

    G = TypeVar("G", bound=Group)

STATUS_FILE = "status.json"
_SETTING_OF_STATUS = {
    "kafka": "KAFKA_BOOTSTRAP",
    "clickhouse": "CLICKHOUSE_URL",
    "postgres": "POSTGRES_DSN",
    "store": "STORE_URL",
    "jwt_secret_file": "JWT_SECRETS_FILE",
}
"""What `local status --json` tells, and the setting that it is."""


def local_status(environment: Mapping[str, str] | None = None) -> dict[str, Any] | None:
    """What the local stack in LOCAL_DIR wrote about itself; None where there is none."""
    from cdr_exports.runtime.settings import LocalSettings, load

    try:
        status = json.loads((load(LocalSettings, environment).local_dir / STATUS_FILE).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return status if isinstance(status, dict) else None


def environment_and_local(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment with the local stack's addresses where it names none of its own."""
    from cdr_exports.runtime.settings import PREFIX

    environment = os.environ if environment is None else environment
    merged = dict(environment)
    for told, setting in _SETTING_OF_STATUS.items():
        name = PREFIX + setting.removesuffix("_FILE")
        value = (local_status(environment) or {}).get(told)
        if isinstance(value, str) and name not in environment and f"{name}_FILE" not in environment:
            merged[PREFIX + setting] = value
            if told == "kafka":
                merged.setdefault(PREFIX + "KAFKA_REPLICATION_FACTOR", "1")  # the local stack has one broker
    return merged


def settings(group: type[G]) -> G:
    """One group of settings as a command sees it. Raises Misconfigured."""
    from cdr_exports.runtime.settings import load

    return load(group, environment_and_local())


def secret_from_file(path: str) -> str:
    """The content of a file that holds one secret. Raises OSError."""
    return Path(path).read_text().strip()
