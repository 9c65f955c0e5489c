"""Customers' tokens: where they are read, which are good, whom they let in, and how they are made.

The one door to PyJWT, which is asked for the signature only; the claims are judged here, by our own clock (section 2 of
the customer API). Every failure is the same 401.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import jwt

from cdr_exports.api.errors import ApiError, Catalogue
from cdr_exports.domain.directory import Directory, Scope
from cdr_exports.domain.identity import AccountId, ApiAccessId, CustomerId
from cdr_exports.runtime.clock import Now

ALGORITHM = "HS256"
AUDIENCE = "customer-v1"
COOKIE = "_yeti_customer_v1_session"
LARGEST_TOKEN_BYTES = 8192
ENDED_SESSION = f"{COOKIE}=logout; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax"
"""The value of `Set-Cookie` that ends a session."""
DYNAMIC = "D"
"""The subject of a token that says itself whom it lets in."""
LARGEST_ID = 2**63 - 1

_CLAIMS_ARE_OURS: Any = {f"verify_{claim}": False for claim in ("aud", "exp", "iat", "iss", "jti", "nbf", "sub")}
_DYNAMIC_MEMBERS = frozenset({
    "customer_id", "customer_portal_access_profile_id", "account_ids", "allow_outgoing_numberlists_ids", "allowed_ips",
    "provision_gateway_id", "allow_listen_recording",
})  # fmt: skip


class _BadToken(Exception):
    """Why a token is refused; the customer is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever a good token lets in. `requested_by` is for the audit trail."""

    scope: Scope
    requested_by: str
    may_listen: bool = False
    """Whether the customer's portal may offer recordings; dynamic tokens do not say."""
    set_cookie: str | None = None
    """Where the token came from the cookie: the header that renews it, for every answer."""


class Issuer:
    """Makes tokens. The first of `keys` signs; a token names its key where there are several."""

    def __init__(self, keys: Mapping[str, bytes], now: Now, lifetime: timedelta | None) -> None:
        self._keys, self._now, self._lifetime = keys, now, lifetime

    def for_access(self, access_id: ApiAccessId) -> str:
        return self._sign({"sub": access_id})

    def dynamic(self, customer_id: CustomerId, account_ids: Iterable[AccountId] = ()) -> str:
        """No account ids: all accounts of the customer."""
        return self._sign({"sub": DYNAMIC, "cfg": {"customer_id": customer_id, "account_ids": list(account_ids)}})

    def cookie_for_access(self, access_id: ApiAccessId) -> str:
        """The value of `Set-Cookie` that begins a session."""
        return self.cookie({"sub": access_id})

    def cookie(self, claims: Mapping[str, Any]) -> str:
        """The value of `Set-Cookie` that renews a session with these claims."""
        token = self._sign({name: claims[name] for name in ("sub", "cfg") if name in claims})
        return f"{COOKIE}={token}; path=/{self._cookie_expiry()}; HttpOnly; SameSite=Lax"

    def _sign(self, claims: Mapping[str, Any]) -> str:
        kid, secret = next(iter(self._keys.items()))
        expiry = {} if self._lifetime is None else {"exp": int((self._now() + self._lifetime).timestamp())}
        headers = {"kid": kid} if len(self._keys) > 1 else None
        return jwt.encode({"aud": [AUDIENCE], **claims, **expiry}, secret, algorithm=ALGORITHM, headers=headers)

    def _cookie_expiry(self) -> str:
        if self._lifetime is None:
            return ""
        return f"; expires={format_datetime(self._now() + self._lifetime, usegmt=True)}"


class Authenticator:
    """Judges tokens against the directory. `lifetime` None: tokens carry no `exp`, and a given one is not looked at."""

    def __init__(
        self,
        keys: Mapping[str, bytes],
        directory: Directory,
        now: Now,
        lifetime: timedelta | None,
        *,
        requires_expiry: bool = False,
    ) -> None:
        self._keys, self._directory, self._now, self._lifetime = keys, directory, now, lifetime
        self._requires_expiry = requires_expiry
        self._issuer = Issuer(keys, now, lifetime)

    def caller(self, authorization: str | None, cookie: str | None) -> Caller:
        """Whoever the request comes from. A header that is there and bad is not rescued by a cookie. Raises ApiError (401)."""
        words = (authorization or "").split()
        try:
            claims = self._claims(words[-1] if words else cookie or "")
            bearer = self._bearer(claims)
        except _BadToken as reason:
            raise refused() from reason
        return bearer if words else replace(bearer, set_cookie=self._issuer.cookie(claims))

    def _claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that is signed by us, for this API, and good now."""
        claims = self._verified(token)
        audience = claims.get("aud")
        if audience != AUDIENCE and not (isinstance(audience, list) and AUDIENCE in audience):
            raise _BadToken("another audience")
        self._check_times(claims)
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        if not 0 < len(token) <= LARGEST_TOKEN_BYTES:
            raise _BadToken("no token, or too large a one")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise _BadToken("unreadable") from error
        if header.get("alg") != ALGORITHM or "crit" in header:
            raise _BadToken("another algorithm, or critical extensions")
        for secret in self._secrets(header.get("kid")):
            try:
                return jwt.decode(token, secret, algorithms=[ALGORITHM], options=_CLAIMS_ARE_OURS)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, RecursionError) as error:
                raise _BadToken("unreadable") from error
        raise _BadToken("signed with no key of ours")

    def _secrets(self, kid: str | None) -> list[bytes]:
        """The keys to try: the one named, else all. With one key there is nothing to name."""
        if kid is None or len(self._keys) == 1:
            return list(self._keys.values())
        return [self._keys[kid]] if kid in self._keys else []

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = int(self._now().timestamp())
        if "nbf" in claims and _seconds(claims["nbf"]) > now:
            raise _BadToken("not yet valid")
        if "exp" not in claims:
            if self._requires_expiry:
                raise _BadToken("never expires")
        elif self._lifetime is not None and _seconds(claims["exp"]) <= now:
            raise _BadToken("expired")

    def _bearer(self, claims: Mapping[str, Any]) -> Caller:
        subject = claims.get("sub")
        if subject == DYNAMIC:
            scope = self._dynamic_scope(claims.get("cfg"))
            return Caller(scope=scope, requested_by=f"dynamic:{scope.customer_id}")
        if isinstance(subject, str) and subject.isascii() and subject.isdigit() and len(subject) < len(str(LARGEST_ID)):
            subject = int(subject)
        access = self._directory.access(ApiAccessId(_id(subject)))
        if access is None:
            raise _BadToken("unknown API access")
        return Caller(
            scope=Scope(customer_id=access.customer_id, account_ids=frozenset(access.account_ids)),
            requested_by=f"api-access:{access.api_access_id}",
            may_listen=access.allow_listen_recording,
        )

    def _dynamic_scope(self, config: object) -> Scope:
        if not isinstance(config, dict) or not _DYNAMIC_MEMBERS.issuperset(config):
            raise _BadToken("a dynamic token without a proper cfg")
        customer_id = CustomerId(_id(config.get("customer_id")))
        _id(config.get("customer_portal_access_profile_id", 1))
        account_ids = config.get("account_ids")
        if not isinstance(account_ids, list | None):
            raise _BadToken("account_ids is no list")
        if not self._directory.knows_customer(customer_id):
            raise _BadToken("unknown customer")
        return Scope(customer_id=customer_id, account_ids=frozenset(AccountId(_id(each)) for each in account_ids or ()))


def refused() -> ApiError:
    """The one answer to every token that is not good."""
    return Catalogue.AUTHORIZATION_FAILED.raised()


def _id(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_ID:
        raise _BadToken("an id that is no positive integer")
    return value


def _seconds(value: object) -> int:
    """Seconds since 1970, of a claim; fractions are cut off."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _BadToken("a time that is no number")
    return int(value)
