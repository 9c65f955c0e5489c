"""Faults that a test plants in the engine's answers: they are the ones a ClickHouse server and a network can give.

A rule says which statements it meets (`match`, a regular expression on the SQL), how often (`times`), and what happens:

    {"action": "status", "status": 503, "body": "busy"}                 an HTTP error instead of an answer
    {"action": "delay", "seconds": 3, "after_bytes": 0}                 a stall, before the answer or in its middle
    {"action": "drop", "after_bytes": 100000}                           the connection is cut; 0 = before the headers
    {"action": "error", "dialect": "tag", "after_bytes": 100000}        an error text in mid-stream, see Dialect
    {"action": "short", "rows": 1000}                                   a clean end after so many rows

Off unless the engine was started with faults allowed; then `POST /__faults` sets the list and `GET` shows what is left.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from cdr_exports.local.engine_errors import Dialect


class Action(StrEnum):
    STATUS = "status"
    DELAY = "delay"
    DROP = "drop"
    ERROR = "error"
    SHORT = "short"


class Fault(BaseModel):
    """One rule. Fields that its action does not use are ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    match: str = ""
    times: int = Field(1, ge=1)
    after_bytes: int = Field(0, ge=0)
    seconds: float = Field(1.0, ge=0)
    status: int = Field(503, ge=400, le=599)
    body: str = "Code: 202. DB::Exception: a planted fault. (TOO_MANY_SIMULTANEOUS_QUERIES)\n"
    dialect: Dialect = Dialect.TAG
    code: int = 241
    message: str = "a planted fault"
    rows: int = Field(1, ge=1)

    @field_validator("match")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value


_RULES = TypeAdapter(list[Fault])


@dataclass(slots=True)
class Faults:
    """The rules and how often each may still strike. Thread-safe."""

    _left: list[tuple[Fault, int]] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def plant(self, document: bytes) -> None:
        """Replaces all rules. Raises ValueError that says what is wrong."""
        try:
            rules = _RULES.validate_json(document or b"[]")
        except ValidationError as error:
            raise ValueError(str(error)) from error
        with self._guard:
            self._left = [(rule, rule.times) for rule in rules]

    def document(self) -> bytes:
        """The rules that may still strike, with what is left of `times`."""
        with self._guard:
            return _RULES.dump_json([rule.model_copy(update={"times": times}) for rule, times in self._left])

    def strike(self, sql: str) -> Fault | None:
        """The first rule that meets `sql`; it is used up by one."""
        with self._guard:
            for place, (rule, times) in enumerate(self._left):
                if re.search(rule.match, sql, re.DOTALL):
                    self._left[place : place + 1] = [(rule, times - 1)] if times > 1 else []
                    return rule
        return None
