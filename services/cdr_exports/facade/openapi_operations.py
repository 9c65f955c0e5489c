"""The operations of the OpenAPI description: for each route its parameters, its answers and the errors it can give."""

from __future__ import annotations

from cdr_exports.api import paths
from cdr_exports.api.errors import Catalogue
from cdr_exports.api.responses import MEDIA_TYPE, POSITION_HEADER
from cdr_exports.facade.openapi_answers import (
    ALWAYS,
    INVALID_EXPORT,
    KEY_USED,
    Json,
    answer,
    error_answers,
    references,
)
from cdr_exports.facade.openapi_parameters import filter_references
from cdr_exports.facade.openapi_parameters import references as parameters
from cdr_exports.facade.openapi_schemas import (
    ACCOUNT_EXAMPLE,
    EXPORT_EXAMPLE,
    LINKS_EXAMPLE,
    NEW_EXPORT_EXAMPLE,
    PENDING_EXAMPLE,
)

EXPORTS, FILES, ACCOUNTS, SESSIONS = "Exports", "Files", "Accounts", "Sessions"
"""The tags, in the order of the page."""
ONE = f"{paths.CDR_EXPORTS}/{{export_id}}"
ACCOUNT = f"{paths.ACCOUNTS}/{{account_uuid}}"

_C = Catalogue
OPEN = (_C.PAYLOAD_TOO_LARGE, _C.INTERNAL)
LET_IN = (*OPEN, _C.AUTHORIZATION_FAILED)
NEGOTIATED = (*LET_IN, _C.NOT_ACCEPTABLE)
NAMED = (_C.RECORD_NOT_FOUND, _C.NO_ROUTE)
"""Of a record in the path: what is no UUID is no route."""
SELECTED = (_C.INVALID_FIELD_FORMAT, _C.INVALID_RESOURCE, _C.INVALID_FIELD, _C.INVALID_INCLUDE, _C.BAD_REQUEST)
FILTERED = (_C.FILTER_NOT_ALLOWED, _C.INVALID_FILTERS_SYNTAX)
PAGED = (_C.INVALID_PAGE_VALUE, _C.PAGE_TOO_LARGE)
SHAPED = (
    _C.NOT_A_HASH, _C.BAD_IDEMPOTENCY_KEY, _C.MISSING_PARAMETER, _C.INVALID_DATA_FORMAT, _C.PARAM_NOT_ALLOWED,
    _C.INVALID_LINKS_OBJECT, _C.TYPE_MISMATCH, _C.INVALID_FIELD_VALUE,
)  # fmt: skip
DOWN = (_C.SERVICE_UNAVAILABLE,)

FILE_HEADERS = {
    "ETag": "File-ETag", "Cache_Control": "File-Cache-Control", "Content_Disposition": "Content-Disposition",
    "Content_Length": "Content-Length", "Accept_Ranges": "Accept-Ranges", "Repr_Digest": "Repr-Digest",
}  # fmt: skip
FILE_TYPES = ("text/csv", "application/x-ndjson", "application/vnd.apache.parquet")
EVENTS_EXAMPLE = (
    'id: 4:2\nevent: export\ndata: {"id":"…","type":"cdr-exports","attributes":{"status":"Pending",…},…}\n\n'
)


def operations() -> Json:
    """`paths`. HEAD is that of the GET, without a body."""
    made: Json = {
        paths.CDR_EXPORTS: {"get": _list(), "post": _create()},
        ONE: {"get": _show(), "delete": _delete()},
        f"{ONE}/download": {"get": _download()},
        f"{ONE}/events": {"get": _events()},
        f"{ONE}/account": {"get": _related_account()},
        f"{ONE}/relationships/account": {"get": _linkage()},
        paths.ACCOUNTS: {"get": _accounts()},
        ACCOUNT: {"get": _account()},
        paths.AUTH: {"post": _log_in(), "get": _session(), "delete": _log_out()},
    }
    for methods in made.values():
        methods["head"] = _without_body(methods["get"])
    return made


def _list() -> Json:
    return _operation(
        "listExports", EXPORTS, "List exports",
        "Newest first. Filters are joined by AND.",
        [
            *parameters("fields_exports", "fields_accounts", "include", "sort", "page_number", "page_size"),
            *filter_references(), *parameters("position", "if_none_match"),
        ],
        {
            "200": answer("One page.", "ExportList", "ETag"),
            **_not_modified(),
            **error_answers(
                (*NEGOTIATED, *SELECTED, *FILTERED, _C.INVALID_FILTER_VALUE, _C.INVALID_SORT, *PAGED, *DOWN)
            ),
        },
    )  # fmt: skip


def _create() -> Json:
    body = {"required": True, "content": {MEDIA_TYPE: {"schema": _schema("NewExport"), "example": NEW_EXPORT_EXAMPLE}}}
    text = (
        "The answer means that the request is kept; the file follows, see GET. "
        f"A body holds at most {65536} bytes. All faults of the attributes are told together."
    )
    return _operation(
        "createExport", EXPORTS, "Ask for an export", text,
        parameters("fields_exports", "fields_accounts", "include", "idempotency_key"),
        {
            "201": answer(
                "The export.", "ExportDocument", "Location", "ETag", POSITION_HEADER, "Idempotency-Replayed",
                example={"data": PENDING_EXAMPLE},
            ),
            **error_answers(
                (
                    *NEGOTIATED, _C.UNSUPPORTED_MEDIA_TYPE, *SELECTED, *SHAPED, _C.TOO_MANY_REQUESTS, *DOWN,
                ),
                INVALID_EXPORT, [KEY_USED],
            ),
        },
    ) | {"requestBody": body}  # fmt: skip


def _show() -> Json:
    return _operation(
        "showExport", EXPORTS, "Show an export",
        "Right after a 201 it may wait for up to 5 s, so that it never denies what was just made.",
        parameters("export_id", "fields_exports", "fields_accounts", "include", "position", "if_none_match"),
        {
            "200": answer("The export.", "ExportDocument", "ETag", example={"data": EXPORT_EXAMPLE}),
            **_not_modified(),
            **error_answers((*NEGOTIATED, *NAMED, *SELECTED, *FILTERED, *DOWN)),
        },
    )  # fmt: skip


def _delete() -> Json:
    return _operation(
        "deleteExport", EXPORTS, "Delete an export",
        "Cancels one that runs, removes the file of one that has ended. May be repeated.",
        parameters("export_id"),
        {
            "204": answer("It is deleted.", None, POSITION_HEADER),
            **error_answers((*NEGOTIATED, *NAMED, *DOWN)),
        },
    )  # fmt: skip


def _download() -> Json:
    content = {each: {"schema": {"type": "string", "format": "binary"}} for each in FILE_TYPES}
    ranged = {**FILE_HEADERS, "Content_Range": "Content-Range"}
    gone = error_answers((*LET_IN, *NAMED, *DOWN))
    gone["404"]["description"] = "No such export (a document), or an export that has no file (an empty body)."
    refused = {"Content_Range": "Content-Range", "Cache_Control": "File-Cache-Control"}
    return _operation(
        "downloadExport", FILES, "Download the file",
        "CSV and JSON lines are gzip files, to be saved and not inflated on the way: there is no `Content-Encoding`. "
        "Any `Accept` will do.",
        parameters("export_id", "position", "range", "if_range", "if_none_match"),
        {
            "200": answer("The file.", **FILE_HEADERS) | {"content": content},
            "206": answer("The range of it.", **ranged) | {"content": content},
            "304": answer("The file that you have.", ETag="File-ETag", Cache_Control="File-Cache-Control"),
            "416": answer("No byte of the file is in the range.", **refused),
            **gone,
        },
    )  # fmt: skip


def _events() -> Json:
    text = "Events as the HTML standard writes them; the data of each is an `Export`, in JSON."
    stream = {"text/event-stream": {"schema": {"description": text}, "example": EVENTS_EXAMPLE}}
    return _operation(
        "followExport", EXPORTS, "Follow an export",
        "Server-sent events named `export`, each with the resource object as data; the last is that of the end. "
        "A comment every 15 s shows that the stream lives. Any `Accept` will do.",
        parameters("export_id", "position", "last_event_id"),
        {
            "200": {
                "description": "The stream.",
                "headers": references(*ALWAYS, "Set-Cookie", Cache_Control="Stream-Cache-Control"),
                "content": stream,
            },
            **error_answers((*LET_IN, *NAMED, *DOWN)),
        },
    )  # fmt: skip


def _related_account() -> Json:
    return _operation(
        "showAccountOfExport", EXPORTS, "Show the account of an export", "",
        parameters("export_id", "fields_exports", "fields_accounts", "include_nothing", "position", "if_none_match"),
        {
            "200": answer("The account.", "AccountDocument", "ETag", example={"data": ACCOUNT_EXAMPLE}),
            **_not_modified(),
            **error_answers((*NEGOTIATED, *NAMED, *SELECTED, *FILTERED, *DOWN)),
        },
    )  # fmt: skip


def _linkage() -> Json:
    example = {"data": {"type": "accounts", "id": ACCOUNT_EXAMPLE["id"]}, "links": LINKS_EXAMPLE}
    return _operation(
        "showRelationshipOfExport", EXPORTS, "Show which account an export is of", "",
        parameters("export_id", "position", "if_none_match"),
        {
            "200": answer("The linkage.", "AccountLinkage", "ETag", example=example),
            **_not_modified(),
            **error_answers((*NEGOTIATED, *NAMED, *SELECTED, *FILTERED, *DOWN)),
        },
    )  # fmt: skip


def _accounts() -> Json:
    return _operation(
        "listAccounts", ACCOUNTS, "List accounts", "By name: those that the token lets its bearer see.",
        parameters("fields_exports", "fields_accounts", "include_nothing", "page_number", "page_size", "if_none_match"),
        {
            "200": answer("One page.", "AccountList", "ETag"),
            **_not_modified(),
            **error_answers((*NEGOTIATED, *SELECTED, *FILTERED, *PAGED)),
        },
    )  # fmt: skip


def _account() -> Json:
    return _operation(
        "showAccount", ACCOUNTS, "Show an account", "",
        parameters("account_uuid", "fields_exports", "fields_accounts", "include_nothing", "if_none_match"),
        {
            "200": answer("The account.", "AccountDocument", "ETag", example={"data": ACCOUNT_EXAMPLE}),
            **_not_modified(),
            **error_answers((*NEGOTIATED, *NAMED, *SELECTED, *FILTERED)),
        },
    )  # fmt: skip


def _log_in() -> Json:
    schema = {"schema": _schema("Login"), "example": {"auth": {"login": "acme", "password": "…"}}}
    text = "With `cookie_auth` the answer has no body, and a cookie instead. A body of whatever shape that is no login is a 401."
    made = answer("The token, or a cookie.", "Token", "ETag", Set_Cookie="Session")
    for name in ("ETag", "Vary", "Cache-Control"):
        del made["headers"][name]  # a session's answer is empty and has none of them
    answers = {"201": made, **error_answers((*OPEN, _C.AUTHENTICATION_FAILED, *DOWN))}
    body = {"required": True, "content": {MEDIA_TYPE: schema, "application/json": schema}}
    return _operation("logIn", SESSIONS, "Log in", text, [], answers) | {"requestBody": body, "security": []}


def _session() -> Json:
    answers = {"200": answer("It is good.", "Session", "ETag"), **_not_modified(), **error_answers(LET_IN)}
    return _operation(
        "showSession", SESSIONS, "Show whether a token is good", "Renews the session's cookie.",
        parameters("if_none_match"), answers,
    )  # fmt: skip


def _log_out() -> Json:
    answers = {"204": answer("There is no session any more.", Set_Cookie="Session-End"), **error_answers(OPEN)}
    return _operation("logOut", SESSIONS, "Log out", "Whether there was a session or not.", [], answers) | {
        "security": []
    }


def _operation(name: str, tag: str, summary: str, text: str, parameters: list[Json], responses: Json) -> Json:
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        **({"description": text} if text else {}),
        "parameters": parameters,
        "responses": responses,
    }


def _without_body(get: Json) -> Json:
    responses = {
        status: {name: value for name, value in each.items() if name != "content"}
        for status, each in get["responses"].items()
    }
    summary = f"{get['summary']} (headers only)"
    return get | {"operationId": f"{get['operationId']}Head", "summary": summary, "responses": responses}


def _not_modified() -> Json:
    return {"304": answer("The document that you have.", None, "ETag", "Vary", "Cache-Control")}


def _schema(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
