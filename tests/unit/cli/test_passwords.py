"""Hashes of passwords. They are made cheap here; how dear they usually are is looked at once."""

from __future__ import annotations

import pytest

from cdr_exports.api.passwords import USUAL_COST, Cost, hash_password, verify_password

CHEAP = Cost(n=16, r=8, p=1)


def test_a_password_fits_its_hash_and_no_other_does() -> None:
    password_hash = hash_password("pässwörd", cost=CHEAP)

    assert verify_password("pässwörd", password_hash)
    assert not verify_password("pässwörD", password_hash)
    assert not verify_password("", password_hash)


def test_two_hashes_of_one_password_differ() -> None:
    assert hash_password("secret", cost=CHEAP) != hash_password("secret", cost=CHEAP)


def test_a_hash_names_its_cost_and_not_the_password() -> None:
    password_hash = hash_password("secret")

    assert password_hash.startswith(f"scrypt${USUAL_COST.n}${USUAL_COST.r}${USUAL_COST.p}$")
    assert "secret" not in password_hash
    assert verify_password("secret", password_hash)


def test_no_hash_fits_no_password() -> None:
    assert not verify_password("secret", None)


GOOD = hash_password("secret", cost=CHEAP)


@pytest.mark.parametrize(
    "password_hash",
    [
        "",
        "secret",
        GOOD.replace("scrypt", "bcrypt"),
        GOOD.rpartition("$")[0],
        GOOD.rpartition("$")[0] + "$",
        GOOD + "$x",
        GOOD.replace("$16$", "$15$"),
        GOOD.replace("$16$", "$-16$"),
        GOOD.replace("$16$", "$0$"),
        GOOD.replace("$16$", f"${2**30}$"),
        GOOD.replace("$8$1$", "$8$1000000$"),
        GOOD.replace("$8$1$", "$x$1$"),
        GOOD[:-1] + "!",
    ],
)
def test_a_hash_that_is_none_or_too_dear_fits_nothing(password_hash: str) -> None:
    assert not verify_password("secret", password_hash)
