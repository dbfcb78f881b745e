"""Regenerate, see what is proposed, settle what clashes, accept: in a browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from ingestion.models import Document
from sheets.generation.request import request_generation, request_sheet
from sheets.markdown.compose import compose_sheet
from sheets.models import Field, Proposal, Revision, Section, Sheet, SheetType
from sheets.revisions.save import save_revision
from tests.browser.conftest import Live
from tests.conftest import run_queue
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)
MINE = "L’air chaud des compresseurs sert au lavage, dit Claire."
ASKED = {
    "resume": ("Résumé", "Que fait la récupération de chaleur sur les compresseurs ?"),
    "gain": ("Gains", "Quel est le gain de combustible de la chaudière à vapeur ?"),
    "lumiere": ("Éclairage", "Que consomme l'éclairage des entrepôts ?"),
}


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


@pytest.fixture
def sheet(transactional_db: None, document: Document, contributor: User) -> Sheet:
    """A sheet that the machine wrote, whose first statement a person has put in other words."""
    kind = SheetType.objects.create(key="essai", name_fr="Essai", plural_fr="Essais")
    for order, (key, (heading, question)) in enumerate(ASKED.items()):
        section = Section.objects.create(sheet_type=kind, key=key, order=order, heading_fr=heading)
        Field.objects.create(
            section=section, key=key, order=0, heading_fr=heading, question=question, shape="list"
        )
    sheet = request_sheet(kind, "Récupération de chaleur", [document], None)
    run_queue()
    sheet.refresh_from_db()
    edit(sheet, MINE, contributor)
    return sheet


def edit(sheet: Sheet, words: str, user: User) -> None:
    """Let a person put the sheet's first statement in other words."""
    assert sheet.current is not None
    lines = sheet.current.body.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("- "))
    lines[place] = f"- {words}"
    save_revision(
        sheet,
        base=sheet.current,
        body="\n".join(lines) + "\n",
        metadata=sheet.current.metadata,
        origin=Revision.Origin.HUMAN,
        author=user,
    )


@pytest.fixture
def clash(sheet: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the writer say the first statement otherwise from now on."""

    def otherwise(*args: object, **kwargs: object) -> tuple[str, dict[str, str]]:
        body, header = compose_sheet(*args, **kwargs)  # type: ignore[arg-type]
        return re.sub(r"^- ", "- En bref : ", body, count=1, flags=re.MULTILINE), header

    monkeypatch.setattr("sheets.generation.publish.compose_sheet", otherwise)


@pytest.mark.usefixtures("clash")
@pytest.mark.parametrize("width", [390, 1280])
def test_from_the_button_to_the_merged_sheet(
    live: Live, sheet: Sheet, expert: User, width: int
) -> None:
    page = live(sheet.get_absolute_url(), user=expert, width=width)
    page.locator("#resume .section-tools a[href*=regenerer]").click()
    expect(page.locator('input[value="resume"]')).to_be_checked()
    page.get_by_role("button", name="Régénérer les sections cochées").click()
    run_queue()
    page.goto(sheet.get_absolute_url())
    page.locator(".sheet-head .notice a", has_text="proposé").click()

    place = page.locator(".clash")
    expect(place).to_have_count(1)
    expect(place.locator('[data-side="ours"]')).to_contain_text("dit Claire")
    expect(place.locator('[data-side="theirs"]')).to_contain_text("En bref")
    expect(place.locator('[data-side="theirs"] .side-sources')).to_contain_text("Guide")
    expect(page.locator("[data-count]")).to_contain_text("1 / 1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.get_by_role("button", name="Tout accepter").click()  # a choice is missing
    expect(page.locator(".clash[data-bad]")).to_have_count(1)
    field = place.locator("textarea")
    expect(field).to_be_hidden()
    place.get_by_label("Saisir un autre texte").check()
    expect(field).to_be_visible()
    field.fill("- Nos mots à tous les deux.")
    expect(page.locator("[data-count]")).not_to_contain_text("1 / 1")
    page.get_by_role("button", name="Tout accepter").click()

    expect(page.locator(".prose")).to_contain_text("Nos mots à tous les deux.")
    sheet.refresh_from_db()
    assert sheet.current is not None
    assert sheet.current.origin == Revision.Origin.MERGE
    assert sheet.current.second_parent is not None


@pytest.mark.usefixtures("clash")
def test_a_sheet_that_moves_on_keeps_what_was_typed(
    live: Live, sheet: Sheet, expert: User, contributor: User
) -> None:
    request_generation(sheet, expert)
    run_queue()
    proposal = Proposal.objects.get(sheet=sheet)
    page = live(proposal.get_absolute_url(), user=expert)
    page.locator(".clash").get_by_label("Saisir un autre texte").check()
    page.locator(".clash textarea").fill("- Nos mots.")
    sheet.refresh_from_db()
    assert sheet.current is not None
    save_revision(
        sheet,
        base=sheet.current,
        body=sheet.current.body + "\n## Ajout\n\nUne section de plus.\n",
        metadata={},
        origin=Revision.Origin.HUMAN,
        author=contributor,
    )
    page.get_by_role("button", name="Tout accepter").click()
    expect(page.locator(".messages")).to_contain_text("modifiée")
    expect(page.locator(".clash textarea")).to_have_value("- Nos mots.")
    page.get_by_role("button", name="Tout accepter").click()
    expect(page.locator(".prose")).to_contain_text("Nos mots.")
    expect(page.locator(".prose")).to_contain_text("Une section de plus.")


@pytest.mark.usefixtures("clash")
def test_without_javascript_all_of_it_works(live: Live, sheet: Sheet, expert: User) -> None:
    request_generation(sheet, expert)
    run_queue()
    proposal = Proposal.objects.get(sheet=sheet)
    page = live(proposal.get_absolute_url(), user=expert, java_script_enabled=False)
    page.locator(".clash").get_by_label("Conserver les deux").check()
    page.get_by_role("button", name="Tout accepter").click()
    expect(page.locator(".prose")).to_contain_text("dit Claire")
    expect(page.locator(".prose")).to_contain_text("En bref")

    page.get_by_role("link", name="Qui a écrit quoi").click()
    expect(page.locator(".by", has_text="claire").first).to_be_visible()
    expect(page.locator(".authors")).to_contain_text("extraction")


@pytest.mark.usefixtures("clash")
def test_refusing_asks_why(live: Live, sheet: Sheet, expert: User) -> None:
    request_generation(sheet, expert)
    run_queue()
    proposal = Proposal.objects.get(sheet=sheet)
    page = live(proposal.get_absolute_url(), user=expert)
    page.get_by_text("Refuser toute la proposition").click()
    page.get_by_role("button", name="Refuser", exact=True).click()
    expect(page.locator(".refusal .error")).to_be_visible()
    page.get_by_label("Réponse").fill("Rien de neuf.")
    page.get_by_role("button", name="Refuser", exact=True).click()
    expect(page.locator(".messages")).to_contain_text("Proposition refusée")
    proposal.refresh_from_db()
    assert proposal.reason == "Rien de neuf."


def test_a_lock_is_seen_and_taken_off(live: Live, sheet: Sheet, expert: User) -> None:
    page = live(f"{sheet.get_absolute_url()}regenerer/", user=expert)
    page.get_by_role("button", name="Verrouiller Gains").click()
    expect(page.locator("#row-gain input[type=checkbox]")).to_have_count(0)
    page.goto(sheet.get_absolute_url())
    expect(page.locator("#gain .section-tools")).to_contain_text("Verrouillée")
    page.goto(f"{sheet.get_absolute_url()}regenerer/")
    page.get_by_role("button", name="Déverrouiller Gains").click()
    expect(page.locator("#row-gain input[type=checkbox]")).to_have_count(1)
