"""The customer API, put together from the routes of ingress and of projection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta

from fastapi import APIRouter

from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import Authenticator, Issuer
from cdr_exports.api.zones import zone_names
from cdr_exports.cli.service_parts import Process, connected
from cdr_exports.domain.columns import COLUMNS
from cdr_exports.facade import accounts, openapi, sessions
from cdr_exports.facade import app as facade
from cdr_exports.ingress import http as ingress_http
from cdr_exports.ingress.deletion import Deletion
from cdr_exports.ingress.intake import Intake
from cdr_exports.ingress.outbox import Outbox
from cdr_exports.ingress.quota import Quota
from cdr_exports.ingress.read_model import ReadModel
from cdr_exports.ingress.request_judge import Judge
from cdr_exports.projection import http as projection_http
from cdr_exports.projection.reads import Reads
from cdr_exports.projection.waiting import Waiting
from cdr_exports.projection.writers_view import WritersView
from cdr_exports.runtime.clock import utc_now
from cdr_exports.runtime.directory import DirectoryView
from cdr_exports.runtime.http_server import serving
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.postgres import Database
from cdr_exports.runtime.process import background, set_before
from cdr_exports.runtime.registry import codec_for
from cdr_exports.runtime.settings import (
    ExportSettings,
    HttpSettings,
    KafkaSettings,
    PostgresSettings,
    StoreSettings,
    TokenSettings,
    load_all,
)
from cdr_exports.runtime.storage import Store

log = logger(__name__)

PASSWORD_THREADS = 2
"""At a fifth of a second of a core for each password."""


async def run_http(process: Process, *, ingress: bool, reads: bool) -> None:
    """The customer API, or the half of it that takes requests, until asked to stop.

    Both halves look into the read model: those that write for quotas and for what a key was used for.
    """
    kafka, http, tokens, exports, postgres_settings = load_all(
        KafkaSettings, HttpSettings, TokenSettings, ExportSettings, PostgresSettings
    )
    codec = codec_for(kafka)
    view = DirectoryView(kafka, codec, process.registry)
    lifetime = None if tokens.token_lifetime_seconds is None else timedelta(seconds=tokens.token_lifetime_seconds)
    authenticator = Authenticator(
        tokens.keys, view.directory, utc_now, lifetime, requires_expiry=tokens.require_token_exp
    )
    reception = Reception(authenticator=authenticator, body_limit_bytes=http.body_limit_bytes)
    process.health.ready_when("directory", view.caught_up.is_set)
    routers: list[APIRouter] = []
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(Database(postgres_settings))
        waiting = Waiting(database, process.registry)
        passwords = opened.enter_context(ThreadPoolExecutor(PASSWORD_THREADS, thread_name_prefix="password"))
        routers += (
            sessions.router(
                reception=reception,
                door=sessions.Door(view.directory, passwords),
                issuer=Issuer(tokens.keys, utc_now, lifetime),
            ),
            accounts.router(reception=reception, directory=view.directory, public_url=http.public_url),
            openapi.router(http.public_url),
        )
        if ingress:
            publisher = await opened.enter_async_context(connected(kafka, "cdr-exports-ingress", process.stop))
            process.health.dead_unless("publisher", lambda: publisher.works)
            outbox, read_model = Outbox(publisher, codec, process.registry), WritersView(database, waiting)
            routers.append(ingress_router(process, outbox, read_model, view, reception, http, exports))
        if reads:
            (store_settings,) = load_all(StoreSettings)
            routers.append(
                projection_http.router(
                    reception=reception,
                    directory=view.directory,
                    reads=Reads(database, waiting),
                    store=Store.open(store_settings.store_url),
                    public_url=http.public_url,
                    stop=process.stop,
                )
            )
        async with background(view.run(), waiting.run()):
            if not await set_before(view.caught_up, process.stop):
                return  # an unknown account or token would be refused though it may be known
            app = facade.build(routers, process.registry, cors=http.cors)
            async with serving(app, host=http.http_host, port=http.http_port) as port:
                log.info("http.serving", port=port)
                await process.stop.wait()


def ingress_router(
    process: Process,
    outbox: Outbox,
    read_model: ReadModel,
    view: DirectoryView,
    reception: Reception,
    http: HttpSettings,
    exports: ExportSettings,
) -> APIRouter:
    judge = Judge(
        directory=view.directory,
        zone_names=zone_names(),
        longest_range=timedelta(days=exports.range_limit_days),
        columns_left=bool(set(COLUMNS) - exports.hidden_columns),
    )
    intake = Intake(
        outbox=outbox,
        quota=Quota(read_model, exports.pending_limit),
        read_model=read_model,
        registry=process.registry,
        now=utc_now,
        hidden_columns=exports.hidden_columns,
    )
    return ingress_http.router(
        reception=reception,
        judge=judge,
        intake=intake,
        deletion=Deletion(outbox=outbox, read_model=read_model, now=utc_now),
        registry=process.registry,
        public_url=http.public_url,
    )
