"""The names that `time-zone-name` takes (section 4.4 of the customer API): IANA names, exact case, backward links included."""

from __future__ import annotations

import zoneinfo


def zone_names() -> frozenset[str]:
    """Reads the time zone database (some 10 ms): ask once and keep the answer."""
    return frozenset(zoneinfo.available_timezones() - {"localtime"})
