"""What is read of a statement before the engine gets it."""

from __future__ import annotations

import pytest

from cdr_exports.local.engine_statements import insert_head, literal, split, with_client_ids


@pytest.mark.parametrize(
    ("sql", "keyword", "format_name", "body"),
    [
        ("SELECT 1", "SELECT", None, "SELECT 1"),
        ("SELECT 1;", "SELECT", None, "SELECT 1"),
        ("select 1 format CSV", "SELECT", "CSV", "select 1 "),
        ("-- FORMAT JSON\nSELECT 1", "SELECT", None, "-- FORMAT JSON\nSELECT 1"),
        ("SELECT 'x FORMAT CSV'", "SELECT", None, "SELECT 'x FORMAT CSV'"),
        ("SELECT 'it''s' FORMAT CSV", "SELECT", "CSV", "SELECT 'it''s' "),
        (r"SELECT '\' FORMAT CSV' FORMAT TSV", "SELECT", "TSV", r"SELECT '\' FORMAT CSV' "),
        ("SELECT * FROM (SELECT 1 FORMAT CSV)", "SELECT", None, "SELECT * FROM (SELECT 1 FORMAT CSV)"),
        ("(SELECT 1) UNION ALL (SELECT 2) FORMAT CSV", "(", "CSV", "(SELECT 1) UNION ALL (SELECT 2) "),
        ("/* a */ with 1 as x select x", "WITH", None, "/* a */ with 1 as x select x"),
        ("SELECT 1 AS format", "SELECT", None, "SELECT 1 AS format"),
        ("", "", None, ""),
    ],
)
def test_the_kind_and_the_format_of_a_statement(sql: str, keyword: str, format_name: str | None, body: str) -> None:
    statement = split(sql)

    assert (statement.keyword, statement.format_name, statement.body) == (keyword, format_name, body)


def test_what_follows_the_format_is_kept() -> None:
    statement = split("SELECT 1 FORMAT CSV SETTINGS max_threads = 1;")

    assert statement.tail == " SETTINGS max_threads = 1"


@pytest.mark.parametrize(("sql", "names"), [("SELECT 1 INTO OUTFILE 'x'", True), ("SELECT 'INTO OUTFILE'", False)])
def test_an_outfile_is_seen(sql: str, names: bool) -> None:
    assert split(sql).names_outfile is names


@pytest.mark.parametrize(
    ("sql", "has"), [("SHOW TABLES", True), ("CREATE TABLE t (a Int8)", False), ("(SELECT 1)", True)]
)
def test_which_statements_have_a_result(sql: str, has: bool) -> None:
    assert split(sql).has_result is has


def test_an_insert_ends_where_its_data_begins() -> None:
    head = insert_head(b"INSERT INTO t (a)\nFORMAT CSV\n1\nINSERT FORMAT\n")

    assert head is not None
    assert (head.sql, head.format_name, head.data) == ("INSERT INTO t (a)\n", "CSV", b"1\nINSERT FORMAT\n")


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t SELECT 1",
        b"INSERT INTO t VALUES (1)",
        b"SELECT 1 FORMAT CSV",
        b"INSERT INTO t SELECT 1 FORMAT CSV",
    ],
)
def test_other_statements_have_no_data_behind_them(text: bytes) -> None:
    assert insert_head(text) is None


def test_a_kill_finds_the_id_that_the_client_gave() -> None:
    statement = split("KILL QUERY WHERE query_id = 'query_id' ASYNC")

    killed = with_client_ids(statement)

    assert killed.startswith("KILL QUERY WHERE if(startsWith(")
    assert "extract(" in killed
    assert killed.endswith("= 'query_id' ASYNC")


def test_a_parameter_called_query_id_stays_a_parameter() -> None:
    statement = split("KILL QUERY WHERE query_id = {query_id:String}")

    assert with_client_ids(statement).endswith("= {query_id:String}")


def test_running_queries_show_the_ids_of_their_clients() -> None:
    shown = with_client_ids(split("SELECT query_id FROM system.processes WHERE 1"))

    assert shown.startswith("SELECT query_id FROM (SELECT * REPLACE(")
    assert shown.endswith("FROM system.processes) WHERE 1")


def test_a_literal_cannot_be_left() -> None:
    assert literal(r"a'b\c") == r"'a\'b\\c'"
