"""Fixtures for tests of fetching: a web site on this machine."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.ingestion import web


@pytest.fixture(scope="session")
def running_site() -> Iterator[web.Site]:
    with web.running() as site:
        yield site


@pytest.fixture
def site(running_site: web.Site, settings: Settings) -> web.Site:
    """A web site without pages, on a host from which fetching is allowed."""
    settings.FETCH_PRIVATE_HOSTS = ["localhost"]
    running_site.pages.clear()
    running_site.asked.clear()
    return running_site
