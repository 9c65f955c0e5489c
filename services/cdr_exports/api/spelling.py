"""One spelling for names that clients send with dashes, in camel case or with underscores."""

from __future__ import annotations

import re

_HUMP = re.compile(r"([A-Z0-9]+)(?=[A-Z][a-z])|([a-z0-9])(?=[A-Z])")


def underscored(name: str) -> str:
    """`status-eq` and `statusEq` are `status_eq`."""
    return _HUMP.sub(lambda found: f"{found[1] or found[2]}_", name).replace("-", "_").lower()
