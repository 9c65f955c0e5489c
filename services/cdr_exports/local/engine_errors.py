"""How ClickHouse says that a query failed: the HTTP status before the first byte, the three dialects after it.

Once 200 and some data have gone out, the only way left is the body itself. How that looks has changed twice, and
clients must survive all three; which releases speak which is in `Dialect`.
"""

from __future__ import annotations

from enum import StrEnum

_STATUS_BY_CODE = {
    400: (
        *(6, 15, 25, 26, 27, 36, 38, 41, 43, 44, 46, 53, 62, 69, 70, 72),
        *(115, 117, 131, 167, 168, 223, 284, 306, 376, 456, 675, 676),
    ),
    401: (194,),
    403: (192, 193, 497, 516),
    404: (47, 50, 60, 73, 81, 82),
    408: (159,),
    411: (381,),
    413: (75,),
    501: (48,),
    503: (76, 209),
}
_STATUS = {code: status for status, codes in _STATUS_BY_CODE.items() for code in codes}


class EngineError(Exception):
    """A statement failed. `code` is ClickHouse's, `text` what it says: "Code: 60. DB::Exception: …"."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def http_status(self) -> int:
        return _STATUS.get(self.code, 500)

    def message(self, version: str) -> str:
        return self.text if "(version" in self.text else f"{self.text} (version {version})"


def refusal(code: int, name: str, why: str) -> EngineError:
    """An error of our own in the engine's words."""
    return EngineError(code, f"Code: {code}. DB::Exception: {why}. ({name})")


class Dialect(StrEnum):
    """What follows the data when a query fails in mid-stream."""

    LEGACY = "legacy"
    """Before 24.11: the text, then a regular end. The answer looks complete."""
    BREAK = "break"
    """24.11 to 25.10: the text, then the connection is cut without the last piece."""
    TAG = "tag"
    """From 25.11: the text between markers that carry the tag of a response header, then a cut."""

    @property
    def ends_regularly(self) -> bool:
        return self is Dialect.LEGACY

    def late_error(self, message: str, tag: str) -> bytes:
        text = f"{message}\n"
        if self is Dialect.TAG:
            text = f"\r\n__exception__\r\n{tag}\r\n{text}{len(text.encode())} {tag}\r\n__exception__\r\n"
        return text.encode()
