"""`token`: what it prints is let in by the API, for whom it was made and no one else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cdr_exports.api.errors import ApiError
from cdr_exports.api.tokens import Authenticator
from cdr_exports.domain.directory import Directory, Scope
from cdr_exports.domain.events import ApiAccessChanged
from cdr_exports.domain.identity import AccountId, ApiAccessId, CustomerId, derived_event_id
from cdr_exports.runtime.clock import utc_now
from tests.unit.cli.scripted_api import Run

SECRET = "s" * 40
ENVIRONMENT = {"CDR_EXPORTS_JWT_SECRETS": SECRET}


@pytest.fixture
def authenticator() -> Authenticator:
    directory = Directory()
    directory.put_access(
        ApiAccessChanged(
            event_id=derived_event_id("access"),
            occurred_at=utc_now(),
            source="test",
            api_access_id=ApiAccessId(15),
            customer_id=CustomerId(7),
            login="acme",
        )
    )
    return Authenticator({"default": SECRET.encode()}, directory, utc_now, timedelta(seconds=600), requires_expiry=True)


def scope_of(authenticator: Authenticator, token: str) -> Scope:
    return authenticator.caller(f"Bearer {token.strip()}", None).scope


def test_a_token_of_an_api_access_has_its_scope(run: Run, authenticator: Authenticator) -> None:
    ran = run("token", "--access", 15, environment=ENVIRONMENT)

    assert ran.code == 0
    assert scope_of(authenticator, ran.out) == Scope(customer_id=CustomerId(7))


def test_a_dynamic_token_has_the_scope_it_says(run: Run, authenticator: Authenticator) -> None:
    ran = run("token", "--customer", 7, "--account", 71, "--account", 72, environment=ENVIRONMENT)

    assert scope_of(authenticator, ran.out) == Scope(
        customer_id=CustomerId(7), account_ids=frozenset({AccountId(71), AccountId(72)})
    )


def test_a_token_of_another_secret_is_not_let_in(run: Run, authenticator: Authenticator) -> None:
    ran = run("token", "--access", 15, environment={"CDR_EXPORTS_JWT_SECRETS": "t" * 40})

    with pytest.raises(ApiError):
        scope_of(authenticator, ran.out)


@pytest.mark.parametrize(
    "arguments",
    [(), ("--access", 15, "--customer", 7), ("--access", 15, "--account", 71), ("--access", 0)],
    ids=["nothing", "both", "accounts of an access", "no id"],
)
def test_a_mistake_of_use_is_told(run: Run, arguments: tuple[object, ...]) -> None:
    assert run("token", *arguments, environment=ENVIRONMENT).code == 2


def test_a_missing_secret_is_a_fault_of_configuration(run: Run) -> None:
    ran = run("token", "--access", 15)

    assert ran.code == 2
    assert "CDR_EXPORTS_JWT_SECRETS is required" in ran.err
