"""The reading routes as a customer sees them, on a real read model and a real store."""

from __future__ import annotations

import asyncio

import pytest

from cdr_exports.domain.identity import AccountId
from tests.integration.projection.customers import OLD_ID, OTHER_OLD_ID, PATH, SPARE_ACCESS, Customer
from tests.integration.projection.logs import AT, completed, new_id, requested, started
from tests.unit.api.records import ACME, GLOBEX


async def test_one_export_is_a_document(customer: Customer) -> None:
    export_id = new_id()
    await customer.requests(requested(export_id))
    await customer.events(started(export_id))

    answer = await customer.get(f"/{str(export_id).upper()}")

    data = answer.json()["data"]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.api+json")
    assert (data["id"], data["attributes"]["status"], data["meta"]["stage"]) == (str(export_id), "Pending", "planned")
    assert data["links"]["self"] == f"http://api.test:8080{PATH}/{export_id}"


async def test_an_answer_that_is_known_already_is_not_sent_again(customer: Customer) -> None:
    export_id = new_id()
    await customer.requests(requested(export_id))
    first = await customer.get(f"/{export_id}")

    second = await customer.get(f"/{export_id}", if_none_match=first.headers["etag"])

    assert (second.status_code, second.content) == (304, b"")


async def test_the_list_has_the_newest_first_and_links_to_its_neighbours(customer: Customer) -> None:
    ids = [new_id() for _ in range(5)]
    at = [AT.replace(minute=minute) for minute in range(5)]
    await customer.requests(*(requested(each, occurred_at=time) for each, time in zip(ids, at, strict=True)))

    answer = (await customer.get("?page[number]=2&page[size]=2&include=account")).json()

    assert [each["id"] for each in answer["data"]] == [str(ids[2]), str(ids[1])]
    assert answer["meta"] == {"total-count": 5}
    assert list(answer["links"]) == ["first", "prev", "next", "last"]
    assert answer["links"]["last"].endswith(f"{PATH}?include=account&page%5Bnumber%5D=3&page%5Bsize%5D=2")
    assert [each["attributes"]["name"] for each in answer["included"]] == ["Acme main"]


async def test_a_page_beyond_the_end_is_empty(customer: Customer) -> None:
    answer = await customer.get(f"?page[number]={10**25}")

    assert answer.status_code == 200
    assert (answer.json()["data"], answer.json()["meta"]) == ([], {"total-count": 0})


async def test_the_account_of_an_export_and_the_link_to_it(customer: Customer) -> None:
    export_id = new_id()
    await customer.requests(requested(export_id))

    account = (await customer.get(f"/{export_id}/account?fields[accounts]=name")).json()
    linkage = (await customer.get(f"/{export_id}/relationships/account")).json()

    assert account["data"]["attributes"] == {"name": "Acme main"}
    assert linkage["data"] == {"type": "accounts", "id": account["data"]["id"]}


@pytest.mark.parametrize("route", ["", "/download", "/account", "/relationships/account"])
async def test_what_another_may_see_is_answered_as_what_does_not_exist(customer: Customer, route: str) -> None:
    export_id = await customer.file(OTHER_OLD_ID)
    globex = customer.issuer.dynamic(GLOBEX)
    spare = customer.issuer.for_access(SPARE_ACCESS)

    invisible = [await customer.get(f"/{export_id}{route}", token=token) for token in (globex, spare)]
    unknown = await customer.get(f"/{OLD_ID}{route}", token=globex)

    assert [answer.status_code for answer in [*invisible, unknown]] == [404] * 3
    for answer in invisible:
        assert answer.content.replace(str(export_id).encode(), str(OLD_ID).encode()) == unknown.content


async def test_a_list_holds_only_the_accounts_that_the_token_names(customer: Customer) -> None:
    main, spare, other = new_id(), new_id(), new_id()
    accounts = {main: AccountId(71), spare: AccountId(72), other: AccountId(81)}
    await customer.requests(*(requested(each, account_id=account) for each, account in accounts.items()))

    async def shown(token: str) -> set[str]:
        return {each["id"] for each in (await customer.get(token=token)).json()["data"]}

    assert await shown(customer.issuer.dynamic(ACME)) == {str(main), str(spare)}
    assert await shown(customer.issuer.for_access(SPARE_ACCESS)) == {str(spare)}
    assert await shown(customer.issuer.dynamic(GLOBEX)) == {str(other)}


async def test_a_get_that_follows_its_write_at_once_waits_for_it(customer: Customer) -> None:
    export_id = new_id()
    async with asyncio.TaskGroup() as group:
        one = group.create_task(customer.get(f"/{export_id}"))
        listed = group.create_task(customer.get(export_position="0:0"))
        await asyncio.wait([one, listed], timeout=0.05)
        assert not one.done()
        assert not listed.done()

        await customer.requests(requested(export_id))

    assert one.result().json()["data"]["id"] == str(export_id)
    assert [each["id"] for each in listed.result().json()["data"]] == [str(export_id)]


async def test_a_read_model_that_does_not_catch_up_is_a_503_with_a_time_to_come_back(customer: Customer) -> None:
    answer = await customer.get(f"/{new_id()}")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["errors"][0]["title"] == "Service unavailable"


async def test_the_list_and_its_members_have_heads_and_tags(customer: Customer) -> None:
    export_id = new_id()
    await customer.requests(requested(export_id))

    for path in "", f"/{export_id}", f"/{export_id}/account", f"/{export_id}/relationships/account":
        whole = await customer.get(path)
        head = await customer.get(path, method="HEAD")
        known = await customer.get(path, if_none_match=f'"other", {whole.headers["etag"]}')

        assert whole.headers["etag"].startswith('W/"')
        assert (head.status_code, head.content) == (200, b"")
        assert {name: head.headers[name] for name in ("etag", "content-length", "content-type", "vary")} == {
            name: whole.headers[name] for name in ("etag", "content-length", "content-type", "vary")
        }
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", whole.headers["etag"])


async def test_a_tag_changes_with_the_document(customer: Customer) -> None:
    export_id = new_id()
    await customer.requests(requested(export_id))
    before = await customer.get(f"/{export_id}")
    await customer.events(started(export_id))

    after = await customer.get(f"/{export_id}", if_none_match=before.headers["etag"])

    assert after.status_code == 200
    assert after.json()["data"]["meta"]["stage"] == "planned"


async def test_a_list_is_filtered_by_account(customer: Customer) -> None:
    main, spare = new_id(), new_id()
    await customer.requests(requested(main), requested(spare, account_id=AccountId(72)))
    uuids = {each: (await customer.get(f"/{each}/account")).json()["data"]["id"] for each in (main, spare)}
    others = "7a108ca2-39c4-11f1-8c50-000000000081"

    async def shown(text: str) -> set[str]:
        answer = (await customer.get(f"?filter[{text}")).json()
        assert answer["meta"]["total-count"] == len(answer["data"])
        return {each["id"] for each in answer["data"]}

    assert await shown(f"account-id-eq]={uuids[main].upper()}") == {str(main)}
    assert await shown(f"account_id_not_eq]={uuids[main]}") == {str(spare)}
    assert await shown(f"account_id_in]={uuids[main]},{others},x") == {str(main)}
    assert await shown(f"account_id_not_in]={uuids[main]},{uuids[spare]}") == set()
    assert await shown(f"account_id_eq]={others}") == set()
    assert await shown("account_id_in]=") == {str(main), str(spare)}


async def test_a_filtered_and_sorted_list_keeps_both_in_its_links(customer: Customer) -> None:
    ids = [new_id() for _ in range(3)]
    await customer.requests(*(requested(each, time_zone_name="UTC") for each in ids), requested(new_id()))
    await customer.events(*(completed(each, rows=rows) for rows, each in enumerate(ids)))

    answer = (
        await customer.get("?sort=-rowsCount&filter[time-zone-name-eq]=UTC&page[size]=2&fields[cdr-exports]=status")
    ).json()

    assert [each["id"] for each in answer["data"]] == [str(ids[2]), str(ids[1])]
    assert [each["attributes"] for each in answer["data"]] == [{"status": "Completed"}] * 2
    assert answer["meta"] == {"total-count": 3}
    assert answer["links"]["next"].endswith(
        "?fields%5Bcdr-exports%5D=status&filter%5Btime-zone-name-eq%5D=UTC"
        "&page%5Bnumber%5D=2&page%5Bsize%5D=2&sort=-rowsCount"
    )


@pytest.mark.parametrize("text", ["status_eq]=Completed", "status-eq]=x", "created_at_gt]=abc"])
async def test_the_filters_of_one_export_have_no_effect(customer: Customer, text: str) -> None:
    export_id = new_id()
    await customer.requests(requested(export_id))

    assert (await customer.get(f"/{export_id}?filter[{text}")).status_code == 200


@pytest.mark.parametrize("path", ["/123", "/123/download", f"/{OLD_ID}/foo"])
async def test_what_is_no_route_is_404_before_any_token_is_looked_at(customer: Customer, path: str) -> None:
    answer = await customer.get(path, token="none")

    assert (answer.status_code, answer.json()["errors"][0]["title"]) == (404, "Not found")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("?page=0", {"authorization": "none", "accept": "text/html"}, 401, id="the token comes first"),
        pytest.param("?page=0", {"accept": "text/html"}, 406, id="then Accept"),
        pytest.param("?page=0", {}, 400, id="then the query"),
        pytest.param(f"/{OLD_ID}?fields=x", {}, 400, id="of one export, too"),
        pytest.param(f"/{OLD_ID}?filter[x]=1", {}, 400, id="its filter names"),
        pytest.param(f"/{OLD_ID}", {}, 404, id="then existence"),
        pytest.param(f"/{OLD_ID}/download?fields=x", {"accept": "text/html"}, 404, id="a download looks at neither"),
    ],
)
async def test_requests_are_judged_in_the_order_of_the_contract(
    customer: Customer, path: str, headers: dict[str, str], status: int
) -> None:
    assert (await customer.get(path, **headers)).status_code == status
