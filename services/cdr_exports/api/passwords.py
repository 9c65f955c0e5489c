"""Passwords of API accesses: how they are hashed and compared. Only hashes leave the process that reads a password.

scrypt with the parameters of OWASP's password storage cheat sheet for 16 MiB. A hash names its own parameters, so they
may be raised without a migration: `scrypt$n$r$p$salt$hash`, salt and hash in unpadded URL-safe base64.

Both functions take about a fifth of a second of one core: not for the event loop.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import NamedTuple

MEMORY_LIMIT_BYTES = 64 << 20
PARALLELISM_LIMIT = 16
"""A hash comes out of a topic: one with parameters beyond these is not computed, it would be a way to stop us."""
SALT_BYTES, HASH_BYTES = 16, 32


class Cost(NamedTuple):
    n: int
    r: int
    p: int


USUAL_COST = Cost(n=2**14, r=8, p=5)


def hash_password(password: str, *, cost: Cost = USUAL_COST) -> str:
    """A new hash, with a salt of its own: two hashes of one password differ."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = _scrypt(password, salt, cost, HASH_BYTES)
    return "$".join(("scrypt", *map(str, cost), _text(salt), _text(digest)))


def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether `password` is the one that was hashed. False, too, for a hash that is none.

    Without a hash the work is done all the same, so that the time tells nobody which logins exist.
    """
    if password_hash is None:
        hash_password(password)
        return False
    try:
        scheme, n, r, p, salt, expected = password_hash.split("$")
        cost, digest = Cost(int(n), int(r), int(p)), _bytes(expected)
        if scheme != "scrypt" or not _is_bearable(cost):
            return False
        computed = _scrypt(password, _bytes(salt), cost, len(digest))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(computed, digest)


def _is_bearable(cost: Cost) -> bool:
    small_enough = 128 * cost.n * cost.r <= MEMORY_LIMIT_BYTES // 2 and cost.p <= PARALLELISM_LIMIT
    return small_enough and min(cost) >= 1


def _scrypt(password: str, salt: bytes, cost: Cost, length: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=MEMORY_LIMIT_BYTES, dklen=length)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
