"""What must be known of a statement before the engine gets it: its kind, its FORMAT, where inline data begins.

Only as much SQL is read as that takes: comments, strings, parentheses, words. All else is the engine's to judge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|\#![^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<bracket>[()])
      | (?P<end>;)""",
    re.DOTALL | re.VERBOSE,
)
_FORMAT_NAME = re.compile(r"\s+([A-Za-z_]\w*)")
_INSERT = re.compile(rb"(?:\s|--[^\n]*\n|/\*.*?\*/)*INSERT\b", re.IGNORECASE | re.DOTALL)
_INSERT_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)[ \t\r\f;]*\n?", re.IGNORECASE)
_INSERT_OTHERWISE = re.compile(rb"\b(?:SELECT|VALUES)\b", re.IGNORECASE)
_PROCESSES = re.compile(r"\bsystem\s*\.\s*processes\b", re.IGNORECASE)
_MARKED = "if(startsWith(query, '/*qid:'), query, Settings['log_comment'])"
_SHOWN_ID = rf"if(startsWith({_MARKED}, '/*qid:'), extract({_MARKED}, '^/[*]qid:([^*]*)'), query_id)"
_SHOWN_QUERY = r"replaceRegexpOne(query, '^/[*]qid:[^*]*[*]/ ?', '')"
_WITH_RESULT = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "("})


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """`keyword` is the first word in capitals, or "("; `body` ends before FORMAT, `tail` is what follows it."""

    keyword: str
    body: str
    format_name: str | None
    tail: str
    names_outfile: bool

    @property
    def has_result(self) -> bool:
        return self.keyword in _WITH_RESULT


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertHead:
    """The text of an INSERT … FORMAT up to where its data begins."""

    sql: str
    format_name: str
    data: bytes


def split(sql: str) -> Statement:
    """Takes a statement apart. A semicolon at the end is dropped."""
    keyword, depth, end = "", 0, len(sql)
    format_word: re.Match[str] | None = None
    names_outfile = False
    for token in _TOKEN.finditer(sql):
        word = (token["word"] or "").upper()
        keyword = keyword or word or (token["bracket"] or "")
        if token["bracket"]:
            depth += 1 if token["bracket"] == "(" else -1
        elif token["end"] and not sql[token.end() :].strip():
            end = token.start()
        elif word == "FORMAT" and depth == 0:
            format_word = token
        elif word == "OUTFILE" and depth == 0:
            names_outfile = True
    name = _FORMAT_NAME.match(sql, format_word.end()) if format_word else None
    if format_word is None or name is None:
        return Statement(keyword=keyword, body=sql[:end], format_name=None, tail="", names_outfile=names_outfile)
    return Statement(
        keyword=keyword,
        body=sql[: format_word.start()],
        format_name=name[1],
        tail=sql[name.end() : end],
        names_outfile=names_outfile,
    )


def insert_head(text: bytes) -> InsertHead | None:
    """The head of an INSERT whose data follows it in a format; None for every other statement, INSERT … SELECT too."""
    if not _INSERT.match(text):
        return None
    found = _INSERT_FORMAT.search(text)
    if found is None or _INSERT_OTHERWISE.search(text, 0, found.start()):
        return None
    return InsertHead(sql=text[: found.start()].decode(), format_name=found[1].decode(), data=text[found.end() :])


def query_mark(query_id: str) -> str:
    """The comment in which a query carries the id its client gave it; one with parameters, whose text the engine writes
    anew and without comments, in its setting log_comment.
    """
    return f"/*qid:{query_id.replace('*', '')}*/"


def identified(query_id: str, sql: str) -> str:
    return f"{query_mark(query_id)} {sql}"


def with_client_ids(statement: Statement) -> str:
    """The body, with `query_id` meaning the client's in KILL QUERY and in system.processes."""
    if statement.keyword == "KILL":
        return _TOKEN.sub(_with_shown_id, statement.body)
    shown = f"(SELECT * REPLACE({_SHOWN_ID} AS query_id, {_SHOWN_QUERY} AS query) FROM system.processes)"  # noqa: S608
    return _PROCESSES.sub(lambda _: shown, statement.body)


def _with_shown_id(token: re.Match[str]) -> str:
    """The column only: `{query_id:String}` is a parameter of that name."""
    is_column = token["word"] == "query_id" and token.string[token.start() - 1] not in "{."
    return _SHOWN_ID if is_column else token[0]


def literal(value: str) -> str:
    """A string as SQL writes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
