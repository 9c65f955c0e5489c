"""`cdr-exports token`: a customer's JWT, made with the secret of this installation. It goes to stdout alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cdr_exports.cli.output import say, say_json
from cdr_exports.cli.surroundings import settings
from cdr_exports.domain.identity import AccountId, ApiAccessId, CustomerId

if TYPE_CHECKING:
    from cdr_exports.api.tokens import Issuer

app = typer.Typer()


@app.command(epilog="Example: export CDR_EXPORTS_TOKEN=$(cdr-exports token --access 15)")
def token(
    access: Annotated[int | None, typer.Option(min=1, metavar="ID", help="Of this API access.")] = None,
    customer: Annotated[
        int | None, typer.Option(min=1, metavar="ID", help="A dynamic token, for this customer without an API access.")
    ] = None,
    account: Annotated[
        list[int] | None, typer.Option(min=1, metavar="ID", help="With --customer: only this account; repeatable.")
    ] = None,
    lifetime: Annotated[
        int | None, typer.Option(min=1, metavar="SECONDS", help="By default TOKEN_LIFETIME_SECONDS.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the token as JSON.")] = False,
) -> None:
    """Print a customer's token."""
    if (access is None) == (customer is None):
        raise typer.BadParameter("give one of --access and --customer")
    if account and customer is None:
        raise typer.BadParameter("--account goes with --customer")
    if access is not None:
        made = token_of_access(ApiAccessId(access), lifetime)
    else:
        made = _issuer(lifetime).dynamic(CustomerId(customer or 0), map(AccountId, account or []))
    if as_json:
        say_json({"token": made})
    else:
        say(made)


def token_of_access(access_id: ApiAccessId, lifetime_seconds: int | None = None) -> str:
    """A token of one API access. Whether there is such an access is judged when the token is used."""
    return _issuer(lifetime_seconds).for_access(access_id)


def _issuer(lifetime_seconds: int | None) -> Issuer:
    from cdr_exports.api.tokens import Issuer
    from cdr_exports.runtime.clock import utc_now
    from cdr_exports.runtime.settings import TokenSettings

    tokens = settings(TokenSettings)
    seconds = lifetime_seconds or tokens.token_lifetime_seconds
    return Issuer(tokens.keys, utc_now, None if seconds is None else timedelta(seconds=seconds))
