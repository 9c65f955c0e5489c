"""Who may export what: accounts and API accesses as the compacted topics tell them, and the questions asked of them.

A view that follows the topics holds one of these; it is changed by one task only and asked by all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from cdr_exports.domain.events import AccountChanged, ApiAccessChanged
from cdr_exports.domain.identity import AccountId, ApiAccessId, CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a token lets its bearer see: one customer, and of its accounts those listed, or all where none is."""

    customer_id: CustomerId
    account_ids: frozenset[AccountId] = frozenset()

    def admits(self, account: AccountChanged) -> bool:
        return account.customer_id == self.customer_id and (
            not self.account_ids or account.account_id in self.account_ids
        )


class Directory:
    """Accounts and API accesses, the newest of each. Applying a record again changes nothing."""

    def __init__(self) -> None:
        self._accounts: dict[AccountId, AccountChanged] = {}
        self._ids_by_uuid: dict[str, AccountId] = {}
        self._ids_by_customer: defaultdict[CustomerId, set[AccountId]] = defaultdict(set)
        self._accesses: dict[ApiAccessId, ApiAccessChanged] = {}
        self._accesses_by_login: dict[str, ApiAccessId] = {}

    def put_account(self, account: AccountChanged) -> None:
        self.remove_account(account.account_id)
        self._accounts[account.account_id] = account
        self._ids_by_uuid[account.account_uuid] = account.account_id
        self._ids_by_customer[account.customer_id].add(account.account_id)

    def remove_account(self, account_id: AccountId) -> None:
        known = self._accounts.pop(account_id, None)
        if known is None:
            return
        if self._ids_by_uuid.get(known.account_uuid) == account_id:
            del self._ids_by_uuid[known.account_uuid]
        self._ids_by_customer[known.customer_id].discard(account_id)
        if not self._ids_by_customer[known.customer_id]:
            del self._ids_by_customer[known.customer_id]

    def put_access(self, access: ApiAccessChanged) -> None:
        self.remove_access(access.api_access_id)
        self._accesses[access.api_access_id] = access
        self._accesses_by_login[access.login] = access.api_access_id

    def remove_access(self, access_id: ApiAccessId) -> None:
        known = self._accesses.pop(access_id, None)
        if known is not None and self._accesses_by_login.get(known.login) == access_id:
            del self._accesses_by_login[known.login]

    def account(self, account_id: AccountId) -> AccountChanged | None:
        return self._accounts.get(account_id)

    def account_by_uuid(self, account_uuid: str) -> AccountChanged | None:
        account_id = self._ids_by_uuid.get(account_uuid.lower())
        return None if account_id is None else self._accounts[account_id]

    def access(self, access_id: ApiAccessId) -> ApiAccessChanged | None:
        return self._accesses.get(access_id)

    def access_by_login(self, login: str) -> ApiAccessChanged | None:
        access_id = self._accesses_by_login.get(login)
        return None if access_id is None else self._accesses[access_id]

    def knows_customer(self, customer_id: CustomerId) -> bool:
        """Whether the customer has an account or an API access; customers have no topic of their own."""
        return customer_id in self._ids_by_customer or any(
            access.customer_id == customer_id for access in self._accesses.values()
        )

    def visible_accounts(self, scope: Scope) -> list[AccountChanged]:
        """The accounts a scope admits, by name."""
        ids: Collection[AccountId] = self._ids_by_customer.get(scope.customer_id, set())
        accounts = [self._accounts[each] for each in ids]
        return sorted(filter(scope.admits, accounts), key=lambda account: (account.name, account.account_id))

    def accounts(self) -> list[AccountChanged]:
        return sorted(self._accounts.values(), key=lambda account: account.account_id)

    def accesses(self) -> list[ApiAccessChanged]:
        return sorted(self._accesses.values(), key=lambda access: access.api_access_id)
