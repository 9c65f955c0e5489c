from __future__ import annotations

import pytest

from cdr_exports.api.spelling import underscored


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("created_at", "created_at"),
        ("created-at", "created_at"),
        ("createdAt", "created_at"),
        ("CreatedAt", "created_at"),
        ("ROWS-COUNT", "rows_count"),
        ("idIn", "id_in"),
        ("", ""),
    ],
)
def test_a_name_has_one_spelling(sent: str, meant: str) -> None:
    assert underscored(sent) == meant
