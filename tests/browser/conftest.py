"""A real browser on a real server, and what its console complains of."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from wikico2.models import User

Live = Callable[..., Page]
PATIENCE = 30_000
"""Milliseconds after which what never comes is missed: long, as the machine may be busy."""
expect.set_options(timeout=PATIENCE)
WIDTHS = (390, 820, 1440)
"""A phone, a tablet, a desk: what must fit on each is looked at in one page, made wider."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium once a module; BROWSER_PATH names another than the one on the path.

    Not once a session: its event loop would run on in this thread, and views that run coroutines,
    as MCP does, refuse to within one.
    """
    path = os.environ.get("BROWSER_PATH") or shutil.which("chromium") or shutil.which("chrome")
    if path is None:
        pytest.skip("Chromium is not installed: install it, or name one in BROWSER_PATH")
    # Playwright keeps a loop running in this thread, which Django would take for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def complaints() -> list[str]:
    """What scripts raised and what the console called an error, refused requests apart."""
    return []


@pytest.fixture
def live(browser: Browser, live_server: LiveServer, complaints: list[str]) -> Iterator[Live]:
    """Return a function that opens a page: `live("/", user=…, width=390, dark=True, …)`.

    The editor shows Markdown, unless `visual`, as for somebody who has chosen so before.
    What is left over (`has_touch`, `java_script_enabled`, `locale`, …) goes to the browser's
    context.
    """
    contexts: list[BrowserContext] = []

    def open_page(
        address: str = "",
        user: User | None = None,
        width: int = 1280,
        dark: bool = False,
        visual: bool = False,
        **more: Any,
    ) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            **{"locale": "fr-FR", **more},
        )
        context.set_default_timeout(PATIENCE)
        if not visual:
            mode = "localStorage['wikico2:mode'] ??= 'markdown'"
            context.add_init_script(f"try {{ {mode} }} catch {{}}")
        contexts.append(context)
        if user:
            give_session(context, live_server.url, user)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: note(complaints, line.type, line.text))
        if address:
            page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(live: Live) -> Page:
    """An empty page of a reader without an account."""
    return live()


@pytest.fixture
def log_in(page: Page, live_server: LiveServer) -> Callable[[User], None]:
    """Log `page` in: `log_in(contributor)`."""
    return lambda user: give_session(page.context, live_server.url, user)


def give_session(context: BrowserContext, url: str, user: User) -> None:
    """Log a browser in without going through the form."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])


def note(complaints: list[str], kind: str, text: str) -> None:
    if kind == "error" and not text.startswith("Failed to load resource"):
        complaints.append(text)
