"""A sheet through its life, by role: from an invitation to a sheet that is validated again."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Group
from django.utils import timezone
from playwright.sync_api import Page, expect

from sheets.actions.states import schedule_review
from sheets.merge import Version
from sheets.models import Sheet, SheetType
from sheets.revisions.edit import save_edit
from tests.browser.conftest import WIDTHS, Live
from wikico2.accounts.links import invitation_link
from wikico2.accounts.roles import ADMINISTRATOR, CONTRIBUTOR, EXPERT, ensure_roles
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)

BODY = "## 🎯 Résumé (10 secondes)\n\nLa chaleur des compresseurs chauffe l'atelier.\n"
ADDRESS = "/fiches/chaleur/"


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


@pytest.fixture
def people(transactional_db: None) -> dict[str, User]:
    ensure_roles()
    names = {"claire": CONTRIBUTOR, "emile": EXPERT, "ada": ADMINISTRATOR}
    found = {}
    for name, role in names.items():
        found[name] = User.objects.create_user(name, password="mot de passe")
        found[name].groups.add(Group.objects.get(name=role))
    found["racine"] = User.objects.create_superuser("racine", password="mot de passe")
    return found


@pytest.fixture
def sheet(people: dict[str, User]) -> Sheet:
    made = Sheet.objects.create(
        sheet_type=SheetType.objects.get(key="solution"),
        title="Récupération de chaleur sur les compresseurs d’air de l’industrie agroalimentaire",
        slug="chaleur",
        created_by=people["claire"],
    )
    save_edit(made, people["claire"], base=None, text=Version(BODY))
    made.refresh_from_db()
    return made


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def come_in(live: Live, person: User) -> Page:
    """Invite the owner of an account, and let them choose a password by the link."""
    person.invited_at = timezone.now()
    person.set_unusable_password()
    person.save()
    page = live("/")
    page.goto(urlsplit(invitation_link(person)).path)
    for label in ("Nouveau mot de passe", "Confirmation du nouveau mot de passe"):
        page.get_by_label(label, exact=True).fill("un long secret neuf")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Votre compte")
    return page


def test_from_an_invitation_to_a_sheet_that_is_validated_again(
    live: Live, sheet: Sheet, people: dict[str, User]
) -> None:
    author = come_in(live, people["claire"])
    author.goto(ADDRESS)
    expect(author.get_by_role("button", name="Valider la version 1")).to_have_count(0)
    click(author, "Soumettre à validation")
    expect(author.get_by_role("main")).to_contain_text("attend la validation d’un expert")

    expert = live(ADDRESS, user=people["emile"])
    expert.get_by_role("link", name="État et autres actions").click()
    expert.get_by_label("Commentaire").fill("Citer la source du gain.")
    click(expert, "Demander des changements")
    expect(expert.get_by_role("main")).to_contain_text("Les changements sont demandés")

    author.goto(f"{ADDRESS}etat/")
    expect(author.get_by_role("main")).to_contain_text("Citer la source du gain.")
    save_edit(sheet, people["claire"], base=sheet.current, text=Version(f"{BODY}\nGain : 5 %.\n"))
    sheet.refresh_from_db()
    author.goto(ADDRESS)
    click(author, "Soumettre à validation")

    expert.goto(ADDRESS)
    click(expert, "Valider la version 2")
    expect(expert.locator(".byline").first).to_contain_text("validée par emile")

    administrator = live(ADDRESS, user=people["ada"])
    click(administrator, "Publier")
    expect(administrator.get_by_role("main")).to_contain_text("La fiche est publiée")

    save_edit(sheet, people["claire"], base=sheet.current, text=Version(f"{BODY}\nGain : 99 %.\n"))
    anyone = live(ADDRESS)
    expect(anyone.get_by_role("main")).to_contain_text("Validée en version 2, modifiée depuis.")
    anyone.get_by_role("link", name="Voir la différence").first.click()
    expect(anyone.get_by_role("main")).to_contain_text("99")

    expert.goto("/fiches/echeances/")
    expert.get_by_role("link", name=sheet.title).first.click()
    click(expert, "Valider la version 3")
    expect(expert.get_by_role("main")).not_to_contain_text("modifiée depuis")
    sheet.refresh_from_db()
    assert sheet.is_validated
    assert sheet.state == "published"
    kinds = list(sheet.events.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["submit", "request_changes", "submit", "validate", "publish", "validate"]


def test_a_sheet_is_deleted_and_brought_back(
    live: Live, sheet: Sheet, people: dict[str, User]
) -> None:
    page = live(f"{ADDRESS}etat/", user=people["racine"])
    page.get_by_role("link", name="Supprimer…").click()
    expect(page.get_by_role("main")).to_contain_text("1 version de son texte")
    click(page, "Supprimer la fiche")
    expect(page.get_by_role("main")).to_contain_text("a été supprimée")
    click(page, "Rétablir")
    expect(page.get_by_role("heading", name=sheet.title)).to_be_visible()


def test_the_pages_fit_every_width_and_axe_finds_nothing(
    live: Live, sheet: Sheet, people: dict[str, User]
) -> None:
    schedule_review(sheet, people["emile"], sheet.created_at.date())
    addresses = (
        f"{ADDRESS}etat/", f"{ADDRESS}sources/", f"{ADDRESS}supprimer/", f"{ADDRESS}historique/",
        "/fiches/echeances/", "/fiches/supprimees/", "/journal/",
    )  # fmt: skip
    for dark in (False, True):
        page = live(addresses[0], user=people["racine"], dark=dark)
        for address in addresses:
            page.goto(address)
            found = Axe().run(page).response["violations"]
            assert [(v["id"], v["nodes"][0]["html"]) for v in found] == [], address
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, (address, width, wide)
