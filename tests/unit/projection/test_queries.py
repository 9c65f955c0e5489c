from __future__ import annotations

import re
from pathlib import Path

import cdr_exports.projection
from cdr_exports.runtime.postgres import named_sql

ROOM = Path(cdr_exports.projection.__file__).parent


def test_every_statement_is_used_and_every_used_one_exists() -> None:
    used = {
        name
        for file in ROOM.glob("*.py")
        for name in re.findall(r"""(?:_sql|named_sql\(__package__\))\["(\w+)"\]""", file.read_text())
    } | {"page", "count"}  # these are completed by what a list asks for

    written = {name for file in ROOM.glob("*.sql") for name in named_sql("cdr_exports.projection", file.name)}
    assert used == written


def test_values_never_become_part_of_a_statement() -> None:
    for statement in named_sql("cdr_exports.projection").values():
        assert "{" not in statement
        assert re.sub(r"%\(\w+\)s", "", statement).count("%") == 0


def test_every_read_of_an_export_for_someone_names_the_accounts_they_may_see() -> None:
    statements = named_sql("cdr_exports.projection")

    assert "account_id = ANY(%(account_ids)s)" in statements["one"]
    assert "account_id = ANY(%(account_ids)s::bigint[])" in statements["count"]
    assert "unnest(%(account_ids)s::bigint[]) AS visible (account_id)" in statements["page"]
    assert "exports.account_id = visible.account_id" in statements["page"]
