"""How long to wait before the next attempt: capped, exponential, with full jitter, so that clients do not march in step."""

from __future__ import annotations

import random
from collections.abc import Iterator

FIRST_SECONDS, LONGEST_SECONDS = 0.2, 15.0


def delays(*, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> Iterator[float]:
    """Seconds to wait, endlessly: each between half of and the whole of first, twice first, four times first, … `longest`."""
    ceiling = first
    while True:
        yield random.uniform(ceiling / 2, ceiling)  # noqa: S311 -- jitter is no secret
        ceiling = min(ceiling * 2, longest)
