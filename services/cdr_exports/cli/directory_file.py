"""The directory file: customers, accounts and API accesses in YAML, read with every fault and its place.

What it says becomes records; passwords stay here as they are written and are hashed by whoever publishes. Customers
have no topic: they are in the file so that a wrong customer_id is caught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from cdr_exports.domain.errors import Misconfigured


def _decimal_text(value: Any) -> Any:
    """YAML reads 0.10 as a binary fraction, which is not what was written."""
    if isinstance(value, float):
        raise ValueError("write decimals in quotes: they are exact")  # noqa: TRY004 -- pydantic tells ValueErrors
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _text(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError("write it in quotes: YAML does not take it for text")  # noqa: TRY004 -- pydantic tells ValueErrors
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("must be printable text on one line")
    return value


def _uuid_text(value: Any) -> Any:
    try:
        return str(UUID(value)) if isinstance(value, str) and len(value) == len(str(UUID(int=0))) else _no_uuid()
    except ValueError:
        return _no_uuid()


def _no_uuid() -> Any:
    raise ValueError("must be a UUID, such as 7a108ca2-39c4-11f1-8c50-82ad38f4dd55")


Identity = Annotated[int, Field(ge=1, lt=2**63, strict=True)]
Capacity = Annotated[int, Field(ge=0, lt=2**31, strict=True)]
Money = Annotated[str, BeforeValidator(_decimal_text), Field(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,20})?$", max_length=40)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255), BeforeValidator(_text)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Customer(_Entry):
    id: Identity
    name: Text


class Account(_Entry):
    id: Identity
    uuid: Annotated[str, BeforeValidator(_uuid_text)]
    customer_id: Identity
    name: Text
    balance: Money | None = None
    min_balance: Money | None = None
    max_balance: Money | None = None
    destination_rate_limit: Money | None = None
    origination_capacity: Capacity | None = None
    termination_capacity: Capacity | None = None
    total_capacity: Capacity | None = None
    currency: Text | None = None


class ApiAccess(_Entry):
    id: Identity
    customer_id: Identity
    account_ids: tuple[Identity, ...] = ()
    login: Text
    password: Text | None = Field(None, repr=False)
    allow_listen_recording: bool = Field(False, strict=True)


class DirectoryFile(_Entry):
    customers: tuple[Customer, ...] = ()
    accounts: tuple[Account, ...] = ()
    api_accesses: tuple[ApiAccess, ...] = ()


def read(path: Path) -> DirectoryFile:
    """Raises Misconfigured with every fault of the file, each with its place. Raises OSError."""
    text = path.read_bytes()
    try:
        content = yaml.load(text, _OneOfEachKey)  # noqa: S506 -- a SafeLoader
    except yaml.YAMLError as error:
        raise Misconfigured([f"{path}: {_yaml_fault(error)}"]) from None  # the text around a fault can be a password
    except RecursionError:
        raise Misconfigured([f"{path}: is nested too deep"]) from None
    try:
        parsed = DirectoryFile.model_validate({} if content is None else content)
    except ValidationError as error:
        told = error.errors(include_input=False, include_url=False)
        raise Misconfigured([f"{path}: {_place(each['loc'])}{_message(each)}" for each in told]) from None
    if faults := list(_contradictions(parsed)):
        raise Misconfigured([f"{path}: {fault}" for fault in faults])
    return parsed


@dataclass(frozen=True, slots=True)
class _Place:
    section: str
    number: int

    def __str__(self) -> str:
        return f"{self.section}[{self.number}]"


def _contradictions(file: DirectoryFile) -> Iterator[str]:
    """Faults between the entries: each is well-formed by itself."""
    yield from _repeated("customers", file.customers, "id", lambda each: each.id)
    yield from _repeated("accounts", file.accounts, "id", lambda each: each.id)
    yield from _repeated("accounts", file.accounts, "uuid", lambda each: each.uuid)
    yield from _repeated("api_accesses", file.api_accesses, "id", lambda each: each.id)
    yield from _repeated("api_accesses", file.api_accesses, "login", lambda each: each.login)
    customers = {each.id for each in file.customers}
    owners = {each.id: each.customer_id for each in file.accounts}
    for number, account in enumerate(file.accounts):
        if account.customer_id not in customers:
            yield f"{_Place('accounts', number)}.customer_id: there is no customer {account.customer_id}"
    for number, access in enumerate(file.api_accesses):
        place = _Place("api_accesses", number)
        if access.customer_id not in customers:
            yield f"{place}.customer_id: there is no customer {access.customer_id}"
        for index, account_id in enumerate(access.account_ids):
            if account_id not in owners:
                yield f"{place}.account_ids[{index}]: there is no account {account_id}"
            elif owners[account_id] != access.customer_id:
                yield (
                    f"{place}.account_ids[{index}]: the account {account_id} is of customer {owners[account_id]}, "
                    f"not of {access.customer_id}"
                )


def _repeated(section: str, entries: Iterable[Any], field: str, value_of: Callable[[Any], Any]) -> Iterator[str]:
    seen: dict[Any, int] = {}
    for number, entry in enumerate(entries):
        first = seen.setdefault(value_of(entry), number)
        if first != number:
            yield f"{_Place(section, number)}.{field}: {value_of(entry)} is taken by {_Place(section, first)}"


class _GivenTwice(yaml.MarkedYAMLError):
    pass


class _OneOfEachKey(yaml.SafeLoader):
    """A SafeLoader that refuses a key written twice: YAML forbids it, PyYAML takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise _GivenTwice(None, None, f"{key.value!r} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _yaml_fault(error: yaml.YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None:
        return "is no YAML"
    if isinstance(error, yaml.composer.ComposerError | yaml.constructor.ConstructorError):
        problem = "put a value that begins with !, & or * in quotes"  # theirs would print it, and it can be a password
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _place(location: tuple[int | str, ...]) -> str:
    """`("accounts", 2, "uuid")` as `accounts[2].uuid: `."""
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in location)
    return f"{text.removeprefix('.')}: " if text else ""


def _message(error: Any) -> str:
    texts = {
        "missing": "is required",
        "extra_forbidden": "is no field of a directory file",
        "model_type": "must be a mapping",
        "tuple_type": "must be a list",
    }
    if error["type"] == "string_pattern_mismatch":
        return 'must be a decimal number in quotes, such as "100.50"'
    return texts.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
