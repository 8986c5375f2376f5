"""A headless Chromium that the machine has, driven by Playwright, and everything that it complains of."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from playwright.async_api import async_playwright

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page

ARGUMENTS = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def why_no_chromium() -> str | None:
    return None if shutil.which("chromium") else "no chromium command on this machine"


@asynccontextmanager
async def started() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS, headless=True
        )
        try:
            yield browser
        finally:
            await browser.close()


class Complaints:
    """What a page wrote to the console as an error (the policy's violations among it), or threw.

    `expect` lets texts pass that the test itself brings about.
    """

    def __init__(self, page: Page) -> None:
        self.heard: list[str] = []
        self._expected: list[str] = []
        page.on("console", lambda message: self._hear(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._hear(str(error)))
        page.on("requestfailed", self._failed)
        page.on("dialog", lambda dialog: self._hear(f"dialog: {dialog.message}"))

    def expect(self, *texts: str) -> None:
        self._expected.extend(texts)

    @property
    def unexpected(self) -> list[str]:
        return [text for text in self.heard if not any(expected in text for expected in self._expected)]

    def _hear(self, text: str) -> None:
        self.heard.append(text)

    def _failed(self, request: Any) -> None:
        # A stream that the page itself closes, and a page that is left, abort their requests.
        if request.failure != "net::ERR_ABORTED":
            self._hear(f"{request.url}: {request.failure}")
