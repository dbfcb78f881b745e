"""A second factor from setting it up to signing in with it, and its pages."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import WIDTHS, Live
from tests.browser.test_people import SERIOUS, type_into
from tests.test_second_factor import code_of
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def look(page: Page, title: str) -> None:
    """Wait for a page; check that it fits all widths and that axe finds nothing serious."""
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    found = Axe().run(page)
    serious = [v["id"] for v in found.response["violations"] if v["impact"] in SERIOUS]
    assert not serious, (title, serious)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (title, width)


def test_a_second_factor_is_set_up_and_asked_for(
    live: Live, expert: User, complaints: list[str]
) -> None:
    page = live("/compte/", user=expert, bypass_csp=True, reduced_motion="reduce")
    page.get_by_role("link", name="Activer un second facteur").press("Enter")
    look(page, "Activer un second facteur")
    secret = page.locator(".factor-steps code").inner_text().replace(" ", "")
    picture = page.locator(".factor-picture")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    type_into(page, "Code", code_of(secret, -1))
    page.keyboard.press("Enter")
    look(page, "Codes de secours")
    codes = page.get_by_label("Codes de secours", exact=True).input_value().split()
    assert len(codes) == 10
    page.get_by_role("link", name="Je les ai gardés").press("Enter")
    expect(page.get_by_text("second facteur", exact=True)).to_be_visible()
    look(page, "Votre compte")
    page.get_by_role("link", name="Gérer le second facteur").press("Enter")
    look(page, "Second facteur")

    again = live("/atelier/", bypass_csp=True, reduced_motion="reduce")
    type_into(again, "Nom du compte ou adresse électronique", "emile")
    type_into(again, "Mot de passe", "mot de passe")
    again.keyboard.press("Enter")
    expect(again.get_by_role("heading", level=1)).to_have_text("Second facteur")
    look(again, "Second facteur")
    type_into(again, "Code", "000000")
    again.keyboard.press("Enter")
    expect(again.get_by_text("Ce code est faux, ou a déjà servi.", exact=True)).to_be_visible()
    type_into(again, "Code", codes[0])
    again.keyboard.press("Enter")
    expect(again).to_have_url(re.compile(r"/atelier/$"))
    assert not complaints
