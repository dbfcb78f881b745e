"""Reading a sheet in a browser: citations, contents, colours, a phone, and without JavaScript."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from sheets.generation.request import create_sheet
from sheets.models import Generation, Revision, Section, SectionRun, Sheet, SheetType
from sheets.revisions.save import save_revision
from tests.browser.conftest import WIDTHS, Live
from tests.sources import read_source
from wikico2.models import User

QUOTE = "La chaleur récupérée couvre 70 % des besoins."
WIDE = "| " + " | ".join(f"Colonne {n}" for n in range(12)) + " |\n|" + "---|" * 12
ROW = "| " + " | ".join(["hydrochlorofluorocarbures"] * 12) + " |"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sheet(transactional_db: None) -> Sheet:
    """A sheet of many sections, whose first statement is cited."""
    source = read_source("Guide de l’air comprimé", QUOTE, 14)
    kind, _made = SheetType.objects.get_or_create(
        key="solution", defaults={"name_fr": "Solution", "plural_fr": "Solutions"}
    )
    Section.objects.get_or_create(
        sheet_type=kind, key="resume", defaults={"order": 1, "heading_fr": "Résumé"}
    )
    sheet = create_sheet(kind, "Récupération de chaleur", None)
    sheet.documents.add(source)
    generation = Generation.objects.create(
        sheet=sheet, backend="local", state=Generation.State.DONE
    )
    parts = [f"## Résumé\n\n{QUOTE}[^1]", f"## Tableau\n\n{WIDE}\n{ROW}"]
    parts += [f"## Partie {n}\n\n" + "Un paragraphe de cette partie. " * 40 for n in range(12)]
    parts.append(f"[^1]: [{source.title}, p. 14](/sources/{source.pk}/pages/14/) « {QUOTE} »")
    save_revision(
        sheet,
        base=None,
        body="\n\n".join(parts),
        metadata={},
        origin=Revision.Origin.GENERATED,
        generation=generation,
    )
    return sheet


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


class TestCitations:
    def test_hover_shows_quote_source_and_level(self, live: Live, sheet: Sheet) -> None:
        page = live(sheet.get_absolute_url())
        page.hover("#ref-1-1")
        box = page.locator(".cite-pop")
        expect(box).to_contain_text("couvre 70")
        expect(box.locator(".cite-source")).to_have_text("Guide de l’air comprimé, p. 14")
        expect(box.locator(".cite-level")).to_have_count(1)
        expect(box).to_contain_text("mot pour mot")

    def test_the_keyboard_reaches_it_and_escape_closes_it(self, live: Live, sheet: Sheet) -> None:
        page = live(sheet.get_absolute_url())
        page.focus("#ref-1-1")
        expect(page.locator(".cite-pop")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".cite-pop")).to_have_count(0)

    def test_a_tap_opens_it_and_stays_on_the_page(self, live: Live, sheet: Sheet) -> None:
        page = live(sheet.get_absolute_url(), width=390, has_touch=True, is_mobile=True)
        page.tap("#ref-1-1")
        expect(page.locator(".cite-pop")).to_be_visible()
        assert page.url.endswith(sheet.get_absolute_url())
        page.tap(".cite-close")
        expect(page.locator(".cite-pop")).to_have_count(0)

    def test_without_javascript_it_is_a_link_and_a_note(self, live: Live, sheet: Sheet) -> None:
        page = live(sheet.get_absolute_url(), java_script_enabled=False)
        href = page.get_attribute("#ref-1-1", "href")
        assert href is not None
        assert "/pages/14/?citation=" in href
        expect(page.locator("#note-1")).to_contain_text("couvre 70")


class TestLayout:
    def test_the_contents_follow_the_reading(self, live: Live, sheet: Sheet) -> None:
        page = live(sheet.get_absolute_url())
        page.locator("h2", has_text="Partie 6").evaluate("it => it.scrollIntoView()")
        here = page.locator(".contents a[aria-current]")
        expect(here).to_have_text("Partie 6")
        expect(here).to_be_in_viewport()

    def test_nothing_is_wider_than_the_window(self, live: Live, sheet: Sheet) -> None:
        page = live()
        spare = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for address in (sheet.get_absolute_url(), "/", "/fiches/", "/compte/connexion/"):
                page.goto(address)
                assert page.evaluate(spare) == 0, (width, address)

    def test_on_a_phone_contents_and_card_are_folded(self, live: Live, sheet: Sheet) -> None:
        page = live(sheet.get_absolute_url(), width=390)
        link = page.locator(".contents a", has_text="Partie 6")
        expect(link).to_be_hidden()
        page.get_by_text("Sommaire").first.click()
        link.click()
        expect(page.locator("h2", has_text="Partie 6")).to_be_in_viewport()

    def test_no_element_moves_while_the_page_loads(self, live: Live, sheet: Sheet) -> None:
        page = live("/compte/connexion/")
        page.add_init_script(
            "window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach("
            "entry => window.moved += entry.value)).observe({type: 'layout-shift', buffered: true})"
        )
        for address in ("/", sheet.get_absolute_url()):
            page.goto(address)
            page.wait_for_timeout(300)
            assert page.evaluate("window.moved") == 0, address

    def test_css_and_javascript_weigh_less_than_60_kb(self, live: Live, sheet: Sheet) -> None:
        page = live("/compte/connexion/")
        sizes = (
            "performance.getEntriesByType('resource').filter(it => /[.](css|js)$/.test(it.name))"
            ".reduce((sum, it) => sum + it.decodedBodySize, 0)"
        )
        for address in ("/", sheet.get_absolute_url()):
            page.goto(address, wait_until="networkidle")
            assert 0 < page.evaluate(sizes) < 60_000, address


class TestColours:
    def test_the_choice_is_kept_and_there_from_the_first_paint(
        self, live: Live, sheet: Sheet
    ) -> None:
        page = live("/")
        switch = page.locator("[data-theme-switch]")
        switch.click()
        switch.click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.goto(sheet.get_absolute_url())
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        switch.click()
        expect(page.locator("html")).not_to_have_attribute("data-theme", "dark")


class TestWatching:
    def test_the_outline_fills_and_the_page_ends_by_itself(
        self, live: Live, sheet: Sheet, contributor: User
    ) -> None:
        generation = Generation.objects.create(
            sheet=sheet, backend="local", state=Generation.State.RUNNING
        )
        run = SectionRun.objects.create(
            generation=generation, key="resume", order=1, state="running", passages=[{}, {}]
        )
        page = live(sheet.get_absolute_url(), user=contributor)
        expect(page.locator("#progress")).to_contain_text("0 sur 1 section")
        run.state = SectionRun.State.DONE
        run.save()
        expect(page.locator("#progress")).to_contain_text("1 sur 1 section")
        Generation.objects.filter(pk=generation.pk).update(state=Generation.State.DONE)
        expect(page.locator("#progress")).to_have_count(0)


class TestSmallScreens:
    @pytest.mark.parametrize("width", [320, 390, 700, 820])
    def test_the_search_of_the_bar_has_room_to_type(
        self, live: Live, sheet: Sheet, contributor: User, width: int
    ) -> None:
        page = live(sheet.get_absolute_url(), user=contributor, width=width)
        box = page.locator("#bar-q")
        height = page.locator(".bar").bounding_box()
        box.focus()
        room = box.bounding_box()
        assert room is not None
        assert room["width"] >= min(width - 48, 170)
        assert page.locator(".bar").bounding_box() == height, "nothing below moves"
        assert page.evaluate("document.documentElement.scrollWidth") <= width


class TestCopying:
    def test_the_box_leads_to_the_statement_to_be_copied(self, live: Live, sheet: Sheet) -> None:
        page = live(sheet.get_absolute_url())
        page.hover("#ref-1-1")
        page.locator(".cite-pop .cite-copy").click()
        anchor = page.url.partition("#")[2]
        expect(page.locator(f"li[id='{anchor}']")).to_contain_text("couvre 70")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        proof = "Guide de l’air comprimé, p. 14"
        figure = f"70 % · {QUOTE.replace('70 %', '…')} · {proof}"
        for place, words in enumerate((figure, f"{QUOTE} ({proof})")):
            button = page.locator(f"li[id='{anchor}'] [data-copy]").nth(place)
            button.click()
            expect(button).to_contain_text("Copié")
            copied = page.evaluate("navigator.clipboard.readText()")
            assert copied.startswith(words)
            assert copied.endswith(f"{sheet.get_absolute_url()}#{anchor}")
