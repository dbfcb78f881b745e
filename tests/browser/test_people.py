"""From an invitation to a signed-in person with a role, by keyboard, and the pages of accounts."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from sheets.models import Sheet, SheetType
from sheets.revisions.save import save_revision
from tests.browser.conftest import WIDTHS, Live
from wikico2.accounts.role_choice import RoleChoice, role_of
from wikico2.models import User
from wikico2.notifications import notify

pytestmark = pytest.mark.django_db(transaction=True)
SERIOUS = {"serious", "critical"}
FIRST, OWN = "premier secret", "un secret à moi"


def type_into(page: Page, label: str, text: str) -> None:
    """Reach a field by the keyboard and type into it."""
    field = page.get_by_label(label, exact=True)
    field.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def test_an_invited_person_comes_in_with_a_role(
    live: Live, administrator: User, complaints: list[str]
) -> None:
    ada = live("/", user=administrator)
    ada.get_by_label("Votre compte", exact=True).press("Enter")
    ada.get_by_role("link", name="Personnes", exact=True).press("Enter")
    ada.get_by_role("link", name="Inviter").press("Enter")
    type_into(ada, "Adresse électronique", "nina@example.org")
    ada.get_by_role("radio", name=re.compile("^Expert CO2")).press("Space")
    ada.keyboard.press("Enter")
    link = ada.get_by_label(re.compile("Qui l’a")).input_value()

    nina = live("/")
    nina.goto(link[link.index("/compte/") :])
    type_into(nina, "Prénom (facultatif)", "Nina")
    type_into(nina, "Nouveau mot de passe", FIRST)
    type_into(nina, "Confirmation du nouveau mot de passe", FIRST)
    nina.keyboard.press("Enter")
    expect(nina.get_by_role("heading", level=1)).to_have_text("Votre compte")
    expect(nina.get_by_text("Expert CO2")).to_be_visible()
    person = User.objects.get(email="nina@example.org")
    assert role_of(person) == RoleChoice.EXPERT

    User.objects.filter(pk=person.pk).update(must_change_password=True)
    again = live("/fiches/?type=secteur")
    again.get_by_role("link", name="Se connecter").first.press("Enter")
    type_into(again, "Nom du compte ou adresse électronique", "nina@example.org")
    type_into(again, "Mot de passe", FIRST)
    again.keyboard.press("Enter")
    expect(again.get_by_role("heading", level=1)).to_have_text("Mot de passe")
    type_into(again, "Ancien mot de passe", FIRST)
    type_into(again, "Nouveau mot de passe", OWN)
    type_into(again, "Confirmation du nouveau mot de passe", OWN)
    again.keyboard.press("Enter")
    expect(again).to_have_url(re.compile(r"/fiches/\?type=secteur$"))
    nina.reload()
    expect(nina.get_by_role("heading", level=1)).to_have_text("Se connecter")

    again.goto("/compte/")
    again.locator("#id_theme").select_option("dark")
    again.get_by_role("button", name="Enregistrer").press("Enter")
    expect(again.locator("html")).to_have_attribute("data-theme", "dark")
    assert not complaints


def test_the_pages_of_accounts_are_accessible(
    live: Live, administrator: User, contributor: User, complaints: list[str]
) -> None:
    User.objects.filter(pk=contributor.pk).update(invited_at="2026-01-01T00:00Z", password="!")
    notify([administrator.pk], "mention", "a", "/", title="Un titre long " * 8, text="Mots. " * 40)
    page = live(user=administrator, bypass_csp=True, reduced_motion="reduce")
    addresses = (
        "/compte/", "/compte/mot-de-passe/", "/compte/oubli/", "/compte/connexion/",
        "/compte/invitation/x/", "/notifications/", "/personnes/", "/personnes/inviter/",
        f"/personnes/{contributor.pk}/",
    )  # fmt: skip
    found: list[str] = []
    for address in addresses:
        page.goto(address)
        violations = Axe().run(page).response["violations"]
        found += [f"{address}: {one['id']}" for one in violations if one["impact"] in SERIOUS]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            found += [f"{address}: {wide} of {width} px"] if wide > width else []
    assert not found
    assert not complaints


def test_a_member_comments_on_words_that_are_selected(
    live: Live, contributor: User, complaints: list[str]
) -> None:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Froid", slug="froid")
    body = "## Un\n\nLe froid consomme un tiers de l’électricité.\n\n| A |\n| --- |\n| 1 |\n"
    save_revision(sheet, base=None, body=body, metadata={}, origin="human", author=contributor)
    page = live("/fiches/froid/", user=contributor, bypass_csp=True, reduced_motion="reduce")
    page.get_by_role("link", name="Discuter").press("Enter")
    page.get_by_text("Le froid consomme").dblclick(position={"x": 40, "y": 10})
    passage = page.get_by_label("Passage")
    expect(passage).not_to_have_value("")
    words = passage.input_value()
    type_into(page, "Commentaire", "D’où vient ce mot ?")
    page.get_by_role("button", name="Commenter").press("Enter")
    expect(page.locator("mark.passage")).to_have_text(words)
    page.locator("mark.passage").click()
    expect(page.locator(".thread")).to_be_focused()
    type_into(page, "Votre réponse", "Du guide.")
    page.get_by_role("button", name="Répondre").press("Enter")
    expect(page.locator(".comments li")).to_have_count(2)
    violations = Axe().run(page).response["violations"]
    assert not [one["id"] for one in violations if one["impact"] in SERIOUS]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Résoudre").press("Enter")
    expect(page.locator("mark.passage")).to_have_count(0)
    assert not complaints
