"""Where the customer API is and with which token: options, then the environment, then the local stack that runs here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cdr_exports.cli.output import quiet_logs
from cdr_exports.cli.surroundings import local_status, secret_from_file, settings
from cdr_exports.domain.errors import Misconfigured

if TYPE_CHECKING:
    from cdr_exports.cli.customer import Customer

URL, TOKEN, TOKEN_FILE = "CDR_EXPORTS_URL", "CDR_EXPORTS_TOKEN", "CDR_EXPORTS_TOKEN_FILE"

UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar=URL, show_default=False, help="The customer API; the local stack's by default."),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        show_default=False,
        help=f"A customer's JWT; better by the environment: {TOKEN}, or {TOKEN_FILE} with the path of a file.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    url: str
    token: Callable[[], str]
    """Makes or reads the token anew each time."""


def customer(url: str | None, token: str | None) -> Customer:
    """A client for the API that the options, the environment or the local stack name. Raises Misconfigured.

    A token of the local stack is for the local stack: another API never sees it.
    """
    from cdr_exports.cli.customer import Customer

    source = _token_source(token or os.environ.get(TOKEN))
    local = local_default() if url is None or source is None else None
    address = url or (local.url if local else None)
    if source is None and local is not None and address == local.url:
        source = local.token
    if address is None or source is None:
        faults = {f"which API? Give --url or {URL}": address, f"which token? Give {TOKEN} or {TOKEN_FILE}": source}
        missing = [fault for fault, found in faults.items() if found is None]
        if local is None:
            missing.append("nor does a local stack run here (`cdr-exports local up --detach`)")
        raise Misconfigured(missing)
    return Customer(address, source)


def _token_source(token: str | None) -> Callable[[], str] | None:
    if token is not None:
        return lambda: token
    file = os.environ.get(TOKEN_FILE)
    return None if file is None else lambda: secret_from_file(file)


def local_default() -> Connection | None:
    """The local stack's API, and tokens for the first API access of its directory; None where no stack is."""
    status = local_status()
    if status is None or "facade" not in status:  # a stack can run without services
        return None
    return Connection(url=status["facade"], token=_token_of_first_access)


def _token_of_first_access() -> str:
    from cdr_exports.cli.directory_commands import present_directory
    from cdr_exports.cli.token_commands import token_of_access
    from cdr_exports.runtime.settings import KafkaSettings

    quiet_logs()
    accesses = present_directory(settings(KafkaSettings)).accesses()
    if not accesses:
        raise Misconfigured(
            ["the directory has no API access yet: `cdr-exports directory apply FILE`, or give a token"]
        )
    return token_of_access(accesses[0].api_access_id)
