"""What the tests of what is fetched share: a web site on this machine."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.ingestion import web


@pytest.fixture(scope="session")
def one_site() -> Iterator[web.Site]:
    with web.running() as site:
        yield site


@pytest.fixture
def site(one_site: web.Site, settings: Settings) -> web.Site:
    """A web site without any page yet, from which files may be fetched."""
    settings.FETCH_PRIVATE_HOSTS = ["localhost"]
    one_site.pages.clear()
    one_site.asked.clear()
    return one_site
