"""The page of the description in a real browser: it shows the API, and nothing on it is refused or asked for elsewhere."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from cdr_exports.facade.openapi import document
from tests.integration.api_contract.installation import Installation

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MILLISECONDS = 20_000
"""Of the page's own time, which stands still while it waits for the network."""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
async def test_the_page_shows_every_operation_and_asks_nothing_of_the_outside(
    api: Installation, tmp_path: Path
) -> None:
    page, said = await dumped(f"{api.url}/docs", tmp_path)
    operations = [operation for methods in document()["paths"].values() for operation in methods.values()]

    for operation in operations:
        assert operation["operationId"] in page, operation["operationId"]
    assert not [line for line in said.splitlines() if "CONSOLE" in line]
    assert not [link for link in re.findall(r'(?:src|href)="([^"]+)"', page) if link.startswith(("http", "//"))]


async def dumped(url: str, folder: Path) -> tuple[str, str]:
    """The page as its scripts have left it, and what the browser logged; every host but this one is unknown to it."""
    process = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={folder / 'profile'}",
        f"--virtual-time-budget={PATIENCE_MILLISECONDS}", "--dump-dom", url,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(90):
        page, said = await process.communicate()
    return page.decode(), said.decode(errors="replace")
