"""A curator's way through the workshop: from the counts to a changed list and its report."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from playwright.sync_api import Page, expect

from sheets.models import Revision, Sheet, SheetType, VocabularyTerm
from sheets.revisions.save import save_revision
from tests.browser.conftest import WIDTHS, Live
from wikico2.accounts.roles import ADMINISTRATOR, ensure_roles
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)
TITLES = ("Récupération de chaleur fatale sur les compresseurs d’air", "Économiseurs", "Diodes")


@pytest.fixture
def curator(transactional_db: None) -> User:
    ensure_roles()
    user = User.objects.create_user("ada", "ada@example.org", "mot de passe")
    user.groups.add(Group.objects.get(name=ADMINISTRATOR))
    return user


@pytest.fixture
def sheets(transactional_db: None) -> list[Sheet]:
    """Three sheets with little text, in three spellings of two categories."""
    kind, _made = SheetType.objects.get_or_create(
        key="solution", defaults={"name_fr": "Solution", "plural_fr": "Solutions"}
    )
    made: list[Sheet] = []
    for title, category in zip(TITLES, ("Chaleur", "Vapeur", ""), strict=True):
        sheet = Sheet.objects.create(sheet_type=kind, title=title, slug=f"fiche-{len(made)}")
        save_revision(
            sheet,
            base=None,
            body="## Résumé\n\nUn texte.\n",
            metadata={"categorie": category} if category else {},
            origin=Revision.Origin.HUMAN,
        )
        made.append(sheet)
    return made


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.usefixtures("sheets")
def test_from_the_counts_to_a_changed_list(live: Live, curator: User) -> None:
    page = live(reverse("workshop"), user=curator)
    page.get_by_role("link", name="Incomplètes").click()
    expect(page.get_by_text("3 fiches", exact=False).first).to_be_visible()
    page.get_by_label("Tout cocher sur cette page").check()
    expect(page.get_by_text("3 sélectionnées")).to_be_visible()
    page.get_by_label("Sélectionner « Diodes »").uncheck()
    page.get_by_label("Catégorie", exact=True).last.fill("Chaleur")
    page.get_by_role("button", name="Changer la catégorie").click()
    expect(page.get_by_role("heading", name="Changer la catégorie")).to_be_visible()
    expect(page.get_by_role("heading", name="1 laissée telle quelle")).to_be_visible()
    expect(page.get_by_role("heading", name="1 faite")).to_be_visible()
    page.get_by_role("link", name="Retour à la liste").click()

    page.get_by_role("link", name="Chaleur").first.click()
    expect(page.get_by_text("2 fiches", exact=False).first).to_be_visible()
    page.get_by_text("Enregistrer cette liste").click()
    page.get_by_label("Nom de la liste").fill("Ma chaleur")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    expect(page.get_by_text("« Ma chaleur » est enregistrée")).to_be_visible()
    page.goto(reverse("workshop"))
    page.get_by_role("link", name="Ma chaleur").click()
    expect(page.get_by_text("2 fiches", exact=False).first).to_be_visible()

    page.goto(
        reverse(
            "admin:sheets_vocabularyterm_change",
            args=[VocabularyTerm.objects.get(name="Chaleur").pk],
        )
    )
    page.get_by_label("Nom :").fill("Chaleur de récupération")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    page.get_by_role("link", name="Compte rendu").click()
    expect(page.get_by_role("heading", name="2 faites")).to_be_visible()


@pytest.mark.usefixtures("sheets")
def test_it_works_without_scripts_and_fits_a_phone(live: Live, curator: User) -> None:
    page = live(reverse("workshop_sheets"), user=curator, width=390, java_script_enabled=False)
    expect(page.get_by_label("Tout cocher sur cette page")).to_be_hidden()
    page.get_by_label("Sélectionner « Diodes »").check()
    page.get_by_role("button", name="Exporter").click()
    expect(page.get_by_role("heading", name="1 faite")).to_be_visible()
    expect(page.get_by_role("link", name="Télécharger l’archive")).to_be_visible()


@pytest.mark.usefixtures("sheets")
def test_no_page_is_wider_than_its_window(live: Live, curator: User) -> None:
    page = live(user=curator)
    places = ("workshop", "workshop_sheets", "workshop_sources", "admin:index")
    for address in map(reverse, places):
        page.goto(address)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) <= 0, (address, width)
