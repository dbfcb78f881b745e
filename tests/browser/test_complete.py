"""Complete a field from the sources, and take in what was left out, in a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from ingestion.models import Document
from sheets.generation.request import create_sheet
from sheets.models import (
    DroppedStatement,
    Field,
    Generation,
    Revision,
    Section,
    Sheet,
    SheetType,
)
from sheets.revisions.save import save_revision
from tests.browser.conftest import WIDTHS, Live
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)
FIELDS = {
    "energie": ("Énergie", "Quelles économies d’énergie ?"),
    "suivi": ("Suivi", "Comment suivre la performance ?"),
}
LEFT_OUT = "Le gain atteint 9 % du combustible."


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


@pytest.fixture
def sheet(transactional_db: None, document: Document) -> Sheet:
    """A sheet without text, and a statement that was left out of it."""
    kind = SheetType.objects.create(key="essai", name_fr="Essai", plural_fr="Essais")
    section = Section.objects.create(sheet_type=kind, key="gains", order=0, heading_fr="Gains")
    for order, (key, (heading, question)) in enumerate(FIELDS.items()):
        Field.objects.create(
            section=section, key=key, order=order, heading_fr=heading, question=question,
            shape="list",
        )  # fmt: skip
    sheet = create_sheet(kind, "Vapeur", None)
    sheet.documents.add(document)
    done = Generation.State.DONE
    generation = Generation.objects.create(sheet=sheet, backend="local", state=done)
    save_revision(
        sheet,
        base=None,
        body="## Gains\n\n### Énergie\n\n### Suivi\n",
        metadata={},
        origin=Revision.Origin.GENERATED,
        generation=generation,
    )
    DroppedStatement.objects.create(
        sheet=sheet, generation=generation, section="gains", field="energie", text=LEFT_OUT,
        reasons=[["number_not_found", "9 %"]],
        sources=[{"document": document.pk, "page": 2, "quote": "Le gain atteint 5 %"}],
    )  # fmt: skip
    return sheet


def text_of(sheet: Sheet) -> str:
    sheet.refresh_from_db()
    assert sheet.current is not None
    return sheet.current.body


def test_a_candidate_is_found_and_taken_in_where_it_belongs(
    live: Live, sheet: Sheet, contributor: User
) -> None:
    page = live(sheet.get_absolute_url(), user=contributor)
    page.get_by_role("link", name="Suivi", exact=True).click()
    search = page.locator("#champ-suivi input[type=search]")
    expect(search).to_be_focused()
    assert page.url.endswith(sheet.get_absolute_url())
    search.fill("gain du combustible")
    search.press("Enter")
    taken = page.locator("#champ-suivi li").filter(has_text="Le gain atteint 5 %")
    expect(taken).to_contain_text("p. 2")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    taken.get_by_role("button", name="Reprendre").click()
    expect(page.locator("#gains-suivi + ul")).to_contain_text("Le gain atteint 5 %")
    assert "- Le gain atteint 5 % du combustible" in text_of(sheet)


def test_what_was_left_out_is_taken_in_after_a_look_at_its_page(
    live: Live, sheet: Sheet, contributor: User
) -> None:
    page = live(sheet.get_absolute_url(), user=contributor, java_script_enabled=False)
    expect(page.locator(".empty-fields")).to_contain_text("1 énoncé a été écarté")
    page.get_by_role("link", name="Énergie", exact=True).click()
    left_out = page.locator("#champ-energie li").filter(has_text=LEFT_OUT)
    expect(left_out.get_by_role("link")).to_have_attribute("href", page_address(sheet))
    left_out.get_by_role("button").click()
    expect(page.locator("#gains-energie + ul")).to_contain_text(LEFT_OUT)
    expect(page.locator(".cite[data-level=not_found]")).to_have_count(1)


def page_address(sheet: Sheet) -> str:
    source = sheet.documents.get()
    return f"/sources/{source.pk}/pages/2/?q=Le+gain+atteint+5+%25"
