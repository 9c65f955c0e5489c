"""Logs: one JSON object a line, or text for people; the libraries' records in the same form.

A record is a constant sentence plus a stable event name and fields. Never contents of CDRs, filter values, tokens.
"""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager
from typing import Any

import structlog


def configure(*, level: str, form: str, service: str) -> None:
    """For the whole process; once, by its composition root."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[structlog.typing.Processor] = (
        [_tracebacks(), structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in "aiokafka", "faust", "mode", "uvicorn.access", "urllib3", "clickhouse_connect":
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.contextvars.bind_contextvars(service=service)


def _tracebacks() -> structlog.typing.Processor:
    """Without the values of variables, which may be tokens, phone numbers or filters."""
    return structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def logger(name: str) -> Any:
    """A logger: `log.info("slice.exported", slice=3, rows=200_000)`."""
    return structlog.stdlib.get_logger(name)


def context(**fields: Any) -> AbstractContextManager[None]:
    """Fields of every record that is logged inside, also by what is called there."""
    return structlog.contextvars.bound_contextvars(**fields)
