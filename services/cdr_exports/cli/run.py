"""`cdr-exports run …`: composes one service from its rooms and runs it in the foreground, as containers do.

Everything that is opened is closed by the contexts here. A service that cannot go on ends with exit code 1 and is
started again by whoever keeps it; nothing was acknowledged that was not done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import typer

app = typer.Typer()


@app.command()
def facade() -> None:
    """The customer API: the routes of ingress and of projection in one.

    Example: CDR_EXPORTS_HTTP_PORT=8080 cdr-exports run facade
    """
    from cdr_exports.cli.http_service import run_http

    _run("facade", lambda process: run_http(process, ingress=True, reads=True))


@app.command()
def ingress() -> None:
    """The routes that take requests, for installations that split the facade.

    Example: CDR_EXPORTS_HTTP_PORT=8081 cdr-exports run ingress
    """
    from cdr_exports.cli.http_service import run_http

    _run("ingress", lambda process: run_http(process, ingress=True, reads=False))


@app.command()
def projection() -> None:
    """Folds the topics into the read model.

    Example: CDR_EXPORTS_POSTGRES_DSN_FILE=dsn cdr-exports run projection
    """
    from cdr_exports.cli.projection_service import run_projection

    _run("projection", run_projection)


@app.command()
def processor() -> None:
    """Makes exports: plans, slices, files.

    Example: CDR_EXPORTS_STORE_URL=s3://cdr-exports cdr-exports run processor
    """
    from cdr_exports.cli.processor_service import run_processor

    _run("processor", run_processor)


def _run(service: str, compose: Callable[[Any], Awaitable[None]]) -> None:
    import uvloop

    from cdr_exports.cli.service_parts import Process
    from cdr_exports.runtime import logs, process
    from cdr_exports.runtime.metrics import Registry
    from cdr_exports.runtime.settings import ProcessSettings, load

    settings = load(ProcessSettings)
    logs.configure(level=settings.log_level, form=settings.log_format, service=service)
    log = logs.logger(__name__)
    registry, health = Registry(service=service), process.Health()

    async def main() -> None:
        stop = process.stop_on_signals()
        async with process.operations(settings, health, registry) as port:
            log.info("service.started", metrics_port=port)
            await compose(Process(settings=settings, registry=registry, health=health, stop=stop))
            log.info("service.stopped")

    uvloop.run(main())
