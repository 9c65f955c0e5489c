"""Structure errors (section 4.2): the first fault in document order, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdr_exports.api.errors import ApiError
from cdr_exports.ingress.request_shape import Asked, shape

UUID = "7a108ca2-39c4-11f1-8c50-82ad38f4dd55"
TYPE = {"type": "cdr-exports"}


def related(linkage: object) -> dict[str, Any]:
    return {"data": {**TYPE, "relationships": {"account": {"data": linkage}}}}


def with_relationship(relationship: object) -> dict[str, Any]:
    return {"data": {**TYPE, "relationships": {"account": relationship}}}


def with_data(**members: object) -> dict[str, Any]:
    return {"data": {**TYPE, **members}}


NO_LINKS_OBJECT = ("115", "Data is not a valid Links Object.")
NO_DATA: list[dict[str, Any]] = [{}, {"data": None}, {"data": {}}, {"data": []}]
NO_OBJECTS: list[Any] = [[{}], [1], "x", 5, True, False]
NO_TYPE: list[dict[str, Any]] = [{"type": None}, {"attributes": {}}]
FAULTS: list[tuple[dict[str, Any], tuple[str, str]]] = [
    *(({**body, "meta": {}}, ("106", "The required parameter, data, is missing."))
      for body in NO_DATA),
    *(({"data": data}, ("122", "Data must be a hash.")) for data in NO_OBJECTS),
    *(({"data": data}, ("106", "The required parameter, type, is missing."))
      for data in NO_TYPE),
    *(({"data": {"type": name, "id": "x"}}, ("101", f"{name} is not a valid resource."))
      for name in ("accounts", "cdr_exports", "CdrExports", "", 5)),
    (with_data(id="x", meta={}), ("105", "id is not allowed.")),
    (with_data(links={}, id="x"), ("105", "links is not allowed.")),
    *((with_data(attributes={"filters": {}, name: None}), ("105", f"{name} is not allowed."))
      for name in ("status", "rows-count", "fields", "callback-url", "created-at", "time_format", "timeFormat", "account")),
    *((with_data(relationships={name: None}), ("105", f"{name} is not allowed.")) for name in ("filters", "customer")),
    (with_data(relationships={"foo": None}, attributes={"bar": 1}), ("105", "foo is not allowed.")),
    (with_data(attributes={"bar": 1}, relationships={"foo": None}), ("105", "bar is not allowed.")),
    (with_data(relationships={"account": 5}, id="x"), ("105", "id is not allowed.")),
    *((with_data(attributes=wrong), ("122", "Attributes must be a hash.")) for wrong in (None, "x", 5, True, [1])),
    *((with_data(relationships=wrong), ("122", "Relationships must be a hash.")) for wrong in (None, "x", 5, False, [1])),
    (with_data(attributes=None, relationships=None), ("122", "Attributes must be a hash.")),
    *((with_relationship(wrong), NO_LINKS_OBJECT) for wrong in ("x", 5, True, [], [1])),
    *((related(wrong), NO_LINKS_OBJECT)
      for wrong in ("x", 5, [], [{"type": "accounts", "id": UUID}], {}, {"type": "accounts"}, {"id": UUID},
                    {"type": "accounts", "id": UUID, "meta": {}}, {"type": "accounts", "uuid": UUID},
                    {"type": None, "id": UUID}, {"type": 5, "id": UUID}, {"type": "accounts", "id": []},
                    {"type": "accounts", "id": {}}, {"type": "accounts", "id": True})),
    *((related({"type": name, "id": None}), ("116", f"{name} is not a valid type for this operation."))
      for name in ("account", "customers", "")),
    *((related({"type": "accounts", "id": wrong}), ("103", f"{wrong} is not a valid value for id."))
      for wrong in ("", "x", 5, 1.5, UUID + "0", UUID.replace("-", ""), UUID + "\n")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "fault"), FAULTS, ids=[f"{code}-{json.dumps(body)[:80]}" for body, (code, _) in FAULTS]
)
def test_the_first_fault_of_the_shape_is_told(body: dict[str, Any], fault: tuple[str, str]) -> None:
    with pytest.raises(ApiError) as caught:
        shape(body)

    (error,) = caught.value.errors
    assert error.status == 400
    assert (error.code, error.detail) == fault


@pytest.mark.parametrize(
    "body",
    [
        with_data(), with_data(attributes={}, relationships={}), with_data(attributes=[], relationships=[]),
        with_relationship(None), with_relationship({}), with_relationship({"links": {"self": "x"}}), related(None),
        related({"type": "accounts", "id": None}),
    ],
)  # fmt: skip
def test_no_account_is_left_to_the_validation(body: dict[str, Any]) -> None:
    assert shape(body) == Asked()


def test_a_good_shape_gives_the_attributes_as_sent_and_the_account_in_lower_case() -> None:
    attributes: dict[str, Any] = {
        "filters": 5,
        "time-format": None,
        "time-zone-name": [],
        "file-format": "x",
        "csv-dialect": {},
    }
    body = {**related({"id": UUID.upper(), "type": "accounts"}), "meta": {}, "jsonapi": 1}
    body["data"]["attributes"] = attributes

    assert shape(body) == Asked(attributes=attributes, account_uuid=UUID)
