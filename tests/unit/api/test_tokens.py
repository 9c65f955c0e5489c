"""Which tokens are good (sections 2.1 to 2.4 of the customer API): everything else is the same 401."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from cdr_exports.api.errors import ApiError
from cdr_exports.api.tokens import COOKIE, Authenticator, Issuer
from cdr_exports.domain.directory import Scope
from cdr_exports.domain.identity import AccountId, ApiAccessId
from tests.unit.api.records import ACME, GLOBEX, KEYS, LIFETIME, NOW, directory, now

SECRET = KEYS["default"]
SECONDS = int(NOW.timestamp())
GOOD = {"aud": "customer-v1", "sub": 15, "exp": SECONDS + 60}
ALL_OF_ACME = Scope(customer_id=ACME)


def segment(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def raw_token(header: bytes, payload: bytes, secret: bytes = SECRET, digest: Any = hashlib.sha256) -> str:
    """A signed token made by hand: no library stands between the test and the bytes."""
    signed = f"{segment(header)}.{segment(payload)}"
    return f"{signed}.{segment(hmac.new(secret, signed.encode(), digest).digest())}"


def token(claims: Mapping[str, Any] | None = None, secret: bytes = SECRET, **header: Any) -> str:
    header = {"alg": "HS256", "typ": "JWT", **header}
    return raw_token(json.dumps(header).encode(), json.dumps(GOOD if claims is None else claims).encode(), secret)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


def dynamic(**config: Any) -> dict[str, Any]:
    return {**GOOD, "sub": "D", "cfg": config}


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator(KEYS, directory(), now, LIFETIME)


def refusal(authenticator: Authenticator, header: str | None, cookie: str | None = None) -> dict[str, Any]:
    with pytest.raises(ApiError) as caught:
        authenticator.caller(header, cookie)
    (error,) = caught.value.document()["errors"]
    return error  # type: ignore[no-any-return]


@pytest.mark.parametrize("form", ["{}", "Bearer {}", "bearer   {}", "Foo Bar {}", " {} "])
def test_the_last_word_of_the_header_is_the_token(authenticator: Authenticator, form: str) -> None:
    caller = authenticator.caller(form.format(token()), None)

    assert (caller.scope, caller.requested_by, caller.set_cookie) == (ALL_OF_ACME, "api-access:15", None)


@pytest.mark.parametrize("header", [None, "", "  "])
def test_the_cookie_is_read_where_there_is_no_header_and_is_renewed(
    authenticator: Authenticator, header: str | None
) -> None:
    caller = authenticator.caller(header, token())

    assert caller.scope == ALL_OF_ACME
    name, attributes = str(caller.set_cookie).split("=", 1)
    renewed, rest = attributes.split(";", 1)
    assert (name, rest) == (COOKIE, " path=/; expires=Mon, 03 Feb 2025 20:31:32 GMT; HttpOnly; SameSite=Lax")
    assert authenticator.caller(renewed, None).requested_by == "api-access:15"


def test_a_bad_header_is_not_rescued_by_a_good_cookie(authenticator: Authenticator) -> None:
    assert refusal(authenticator, "Bearer nonsense", token())["status"] == "401"


@pytest.mark.parametrize(
    ("claims", "scope", "requested_by"),
    [
        (GOOD, ALL_OF_ACME, "api-access:15"),
        ({**GOOD, "sub": "15"}, ALL_OF_ACME, "api-access:15"),
        ({**GOOD, "sub": 16}, Scope(customer_id=ACME, account_ids=frozenset({AccountId(72)})), "api-access:16"),
        ({**GOOD, "aud": ["other", "customer-v1"]}, ALL_OF_ACME, "api-access:15"),
        (without("exp"), ALL_OF_ACME, "api-access:15"),
        ({**GOOD, "nbf": SECONDS}, ALL_OF_ACME, "api-access:15"),
        ({**GOOD, "iat": "x", "iss": 5, "jti": []}, ALL_OF_ACME, "api-access:15"),
        (dynamic(customer_id=7), ALL_OF_ACME, "dynamic:7"),
        (dynamic(customer_id=7, account_ids=[]), ALL_OF_ACME, "dynamic:7"),
        (dynamic(customer_id=8, account_ids=[81]), Scope(customer_id=GLOBEX, account_ids=frozenset({AccountId(81)})),
         "dynamic:8"),
        (dynamic(customer_id=7, customer_portal_access_profile_id=3, allowed_ips=["::1"],
                 allow_outgoing_numberlists_ids=[1], provision_gateway_id=2, allow_listen_recording=True),
         ALL_OF_ACME, "dynamic:7"),
    ],
)  # fmt: skip
def test_good_claims(authenticator: Authenticator, claims: dict[str, Any], scope: Scope, requested_by: str) -> None:
    caller = authenticator.caller(token(claims), None)

    assert (caller.scope, caller.requested_by) == (scope, requested_by)


@pytest.mark.parametrize(
    "claims",
    [
        without("aud"), {**GOOD, "aud": "customer"}, {**GOOD, "aud": []}, {**GOOD, "aud": ["customer-v1x"]},
        {**GOOD, "aud": {"customer-v1": 1}}, {**GOOD, "aud": None},
        without("sub"), {**GOOD, "sub": 99}, {**GOOD, "sub": 0}, {**GOOD, "sub": -15}, {**GOOD, "sub": "-15"},
        {**GOOD, "sub": "x"}, {**GOOD, "sub": ""}, {**GOOD, "sub": True}, {**GOOD, "sub": 15.0}, {**GOOD, "sub": None},
        {**GOOD, "sub": "9" * 4000}, {**GOOD, "sub": 10**30}, {**GOOD, "sub": [15]}, {**GOOD, "sub": "d"},
        {**GOOD, "exp": SECONDS}, {**GOOD, "exp": SECONDS - 1}, {**GOOD, "exp": SECONDS + 0.9}, {**GOOD, "exp": None},
        {**GOOD, "exp": "soon"}, {**GOOD, "exp": True}, {**GOOD, "exp": float("nan")}, {**GOOD, "exp": float("inf")},
        {**GOOD, "nbf": SECONDS + 1}, {**GOOD, "nbf": "x"},
        {**GOOD, "sub": "D"}, {**GOOD, "sub": "D", "cfg": None}, {**GOOD, "sub": "D", "cfg": []}, dynamic(),
        dynamic(customer_id=99), dynamic(customer_id="7"), dynamic(customer_id=0), dynamic(customer_id=7, foo=1),
        dynamic(customer_id=7, account_ids=71), dynamic(customer_id=7, account_ids=["71"]),
        dynamic(customer_id=7, customer_portal_access_profile_id=0), [], "text",
    ],
)  # fmt: skip
def test_bad_claims_are_all_the_same_401(authenticator: Authenticator, claims: Any) -> None:
    assert refusal(authenticator, token(claims)) == {
        "title": "Authorization failed",
        "detail": "Authorization token expired or incorrect.",
        "code": "401",
        "status": "401",
    }


PAYLOAD = json.dumps(GOOD).encode()
UNSIGNED = raw_token(b'{"alg":"none"}', PAYLOAD).rpartition(".")[0] + "."


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param("", id="empty"),
        pytest.param("a.b", id="two segments"),
        pytest.param("a.b.c", id="nonsense"),
        pytest.param("é.é.é", id="not ASCII"),
        pytest.param(UNSIGNED, id="none"),
        pytest.param(raw_token(b'{"alg":"None"}', PAYLOAD), id="none in another case"),
        pytest.param(raw_token(b'{"alg":"HS512"}', PAYLOAD, digest=hashlib.sha512), id="HS512"),
        pytest.param(raw_token(b'{"alg":"RS256"}', PAYLOAD), id="RS256"),
        pytest.param(raw_token(b"{}", PAYLOAD), id="no algorithm"),
        pytest.param(token(secret=b"another secret of enough length."), id="wrong key"),
        pytest.param(token(crit=["exp"]), id="crit"),
        pytest.param(token(crit=["b64"], b64=True), id="crit that the library knows"),
        pytest.param(token(crit=[]), id="empty crit"),
        pytest.param(token(kid=5), id="kid that is no text"),
        pytest.param(token({**GOOD, "x": "y" * 2_000_000}), id="2 MB"),
        pytest.param(token({**GOOD, "x": "y" * 8192}), id="8 KiB and more"),
        pytest.param(raw_token(b"[" * 5000, PAYLOAD), id="deep header"),
        pytest.param(raw_token(b'{"alg":"HS256"}', b"[" * 5000), id="deep payload"),
        pytest.param(raw_token(b'{"alg":"HS256"}', b"\xff"), id="payload that is not UTF-8"),
        pytest.param(token()[:-2], id="cut"),
    ],
)
def test_forged_tokens_are_refused(authenticator: Authenticator, forged: str) -> None:
    assert refusal(authenticator, f"Bearer {forged}")["status"] == "401"


def test_extra_members_of_the_header_are_ignored_and_never_followed(authenticator: Authenticator) -> None:
    extra = token(
        jku="http://127.0.0.1:1/keys", jwk={"kty": "oct", "k": "AA"}, x5u="http://127.0.0.1:1/", kid="unknown"
    )

    assert authenticator.caller(extra, None).requested_by == "api-access:15"


def test_a_token_is_checked_with_the_key_it_names_or_with_all() -> None:
    old, new = b"o" * 32, b"n" * 32
    authenticator = Authenticator({"new": new, "old": old}, directory(), now, LIFETIME)

    for good in token(secret=old, kid="old"), token(secret=new, kid="new"), token(secret=old), token(secret=new):
        assert authenticator.caller(good, None).scope == ALL_OF_ACME
    for bad in token(secret=old, kid="new"), token(secret=new, kid="old"), token(secret=new, kid="other"):
        assert refusal(authenticator, bad)["status"] == "401"


def test_tokens_of_a_server_without_a_lifetime_do_not_expire() -> None:
    authenticator = Authenticator(KEYS, directory(), now, None)

    caller = authenticator.caller(token({**GOOD, "exp": SECONDS - 1000}), None)

    assert caller.scope == ALL_OF_ACME
    assert "exp" not in json.loads(
        base64.urlsafe_b64decode(Issuer(KEYS, now, None).for_access(ApiAccessId(15)).split(".")[1] + "==")
    )


def test_a_token_without_exp_is_refused_where_the_settings_say_so() -> None:
    authenticator = Authenticator(KEYS, directory(), now, LIFETIME, requires_expiry=True)

    assert refusal(authenticator, token(without("exp")))["status"] == "401"


def test_issued_tokens_are_good_until_their_lifetime_ends() -> None:
    issuer = Issuer(KEYS, now, LIFETIME)
    tokens = [issuer.for_access(ApiAccessId(16)), issuer.dynamic(ACME, [AccountId(72)])]

    def at(late_seconds: int) -> Authenticator:
        return Authenticator(KEYS, directory(), lambda: NOW + LIFETIME + timedelta(seconds=late_seconds), LIFETIME)

    before, after = at(-1), at(0)

    for each in tokens:
        assert before.caller(each, None).scope == Scope(customer_id=ACME, account_ids=frozenset({AccountId(72)}))
        assert refusal(after, each)["status"] == "401"


def test_the_first_of_several_keys_signs_and_is_named() -> None:
    keys = {"new": b"n" * 32, "old": b"o" * 32}

    made = Issuer(keys, now, LIFETIME).for_access(ApiAccessId(15))

    assert json.loads(base64.urlsafe_b64decode(made.split(".")[0] + "=="))["kid"] == "new"
    assert Authenticator({"new": b"n" * 32}, directory(), now, LIFETIME).caller(made, None).scope == ALL_OF_ACME
