"""Searching in a browser: suggestions, the keyboard, a phone, and without JavaScript."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from sheets.search import Hit, MatchReason, ResultPage, Suggestion
from tests.browser.conftest import WIDTHS, Live
from wikico2.filters import FacetChoice

LONG = "Anticonstitutionnellement-électromécaniquement-désimperméabilisation-" * 4
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


@pytest.fixture(autouse=True)
def _answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three answers to any words but « rien », two suggestions to any letters but « zzz »."""

    def search(query: str, *, kind: str, **more: Any) -> ResultPage:
        if "rien" in query:
            return ResultPage(near=[LONG])
        hits = [
            Hit(
                kind="sheets" if kind == "sheets" else "sources",
                id=n,
                title=title,
                url=f"/fiches/?n={n}",
                heading=title,
                anchor="",
                snippet=[(title, False), (title, True)],
                why=MatchReason(words=True, synonyms=(title,)),
                score=1.0,
                page=n if kind == "sources" else None,
                thumbnail="/sources/9/pages/9/image/?size=small" if kind == "sources" else "",
                type_name="Solution",
                state="" if kind == "sources" else "draft",
                state_name="brouillon",
            )
            for n, title in enumerate(("Une", "Deux", LONG), start=1)
        ]
        facets = {"state": [FacetChoice("draft", LONG, 3), FacetChoice("x", "x", 1)]}
        return ResultPage(hits=hits, total=3, facets=facets, corrections=[LONG], notice=LONG)

    def suggest(prefix: str, user: object) -> list[Suggestion]:
        if prefix.startswith("zzz"):
            return []
        return [
            Suggestion("sheet", "Chaleur", [("Chal", True), ("eur", False)], "/fiches/?n=7"),
            Suggestion("word", "chaleur <b>fatale", [("chaleur <b>fatale", False)]),
        ]

    monkeypatch.setattr("sheets.views.search.search_wiki", search)
    monkeypatch.setattr("sheets.views.search.suggest_completions", suggest)


def type_in(page: Page, text: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(text)


class TestSuggestions:
    def test_the_arrows_and_enter_open_what_is_meant(self, live: Live) -> None:
        page = live("/")
        type_in(page, "chal")
        box, options = page.locator("#q"), page.get_by_role("option")
        expect(options).to_have_count(2)
        expect(box).to_have_attribute("aria-expanded", "true")
        expect(page.get_by_role("status").filter(has_text="2 suggestions")).to_have_count(1)
        page.keyboard.press("ArrowDown")
        expect(options.first).to_have_attribute("aria-selected", "true")
        expect(box).to_have_attribute(
            "aria-activedescendant", options.first.get_attribute("id") or ""
        )
        expect(box).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url("**/fiches/?n=7")

    def test_the_arrows_come_back_to_what_was_typed(self, live: Live) -> None:
        page = live("/fiches/")
        type_in(page, "chal")
        expect(page.get_by_role("option")).to_have_count(2)
        for key in ("ArrowUp", "ArrowUp", "ArrowUp"):
            page.keyboard.press(key)
        expect(page.locator("[aria-selected=true]")).to_have_count(0)
        page.keyboard.press("Enter")
        page.wait_for_url("**/recherche/?q=chal")

    def test_a_word_is_searched_where_one_is(self, live: Live) -> None:
        page = live("/recherche/?q=air&type=sources")
        page.fill("#q", "chal")
        page.get_by_role("option", name="chaleur <b>fatale").click()
        page.wait_for_url("**/recherche/?q=chaleur+*&type=sources")
        expect(page.locator("#q")).to_have_value("chaleur <b>fatale")

    def test_escape_closes_them_and_keeps_what_was_typed(self, live: Live) -> None:
        page = live("/")
        type_in(page, "chal")
        expect(page.get_by_role("listbox")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("listbox")).to_be_hidden()
        expect(page.locator("#q")).to_have_value("chal")
        expect(page.locator("#q")).to_have_attribute("aria-expanded", "false")

    def test_what_suggests_nothing_shows_nothing(self, live: Live) -> None:
        page = live("/")
        type_in(page, "chal")
        expect(page.get_by_role("listbox")).to_be_visible()
        page.fill("#q", "zzz")
        expect(page.get_by_role("listbox")).to_be_hidden()

    def test_a_failure_leaves_a_plain_box(self, live: Live) -> None:
        page = live("/")
        page.route("**/suggestions/**", lambda route: route.fulfill(status=500, body="x"))
        with page.expect_response("**/suggestions/**"):
            type_in(page, "chal")
        expect(page.get_by_role("listbox")).to_be_hidden()
        page.keyboard.press("Enter")
        page.wait_for_url("**/recherche/?q=chal")


def test_the_other_tab_is_counted_while_one_reads(live: Live) -> None:
    page = live("/recherche/?q=chaleur")
    expect(page.get_by_role("link", name="Sources 3")).to_be_visible()


class TestKeyboard:
    def test_along_the_answers_and_back_to_the_box(self, live: Live) -> None:
        page = live("/recherche/?q=chaleur")
        hits = page.locator("[data-hit]")
        page.keyboard.press("/")
        expect(page.locator("#q")).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(hits.nth(0)).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(hits.nth(1)).to_be_focused()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        expect(page.locator("#q")).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Escape")
        expect(page.locator("#q")).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/fiches/?n=1")

    def test_control_k_selects_the_words(self, live: Live) -> None:
        page = live("/recherche/?q=chaleur")
        page.keyboard.press("Control+k")
        page.keyboard.type("rien")
        expect(page.locator("#q")).to_have_value("rien")

    def test_a_slash_that_is_typed_stays_a_slash(self, live: Live) -> None:
        page = live("/recherche/?q=kWh")
        page.focus("#q")
        page.keyboard.press("End")
        page.keyboard.type("/m²")
        expect(page.locator("#q")).to_have_value("kWh/m²")


def test_without_javascript_the_box_is_a_form_and_choices_are_links(live: Live) -> None:
    page = live("/", java_script_enabled=False)
    page.fill("#q", "chaleur")
    page.press("#q", "Enter")
    page.wait_for_url("**/recherche/?q=chaleur")
    page.locator(".tabs a").nth(1).click()
    page.wait_for_url("**/recherche/?q=chaleur&type=sources")
    expect(page.locator("[data-hit]")).to_have_count(3)


def test_a_page_without_picture_leaves_an_empty_sheet(live: Live) -> None:
    page = live("/recherche/?q=chaleur&type=sources")
    expect(page.locator(".found-page[data-gone]")).to_have_count(3, timeout=20_000)
    expect(page.locator(".found-page img")).to_have_count(0)


def test_a_picture_that_failed_before_the_script_ran_leaves_an_empty_sheet(live: Live) -> None:
    page = live()
    held: list[Route] = []
    page.route("**/search.js", lambda route: held.append(route))
    page.goto("/recherche/?q=chaleur&type=sources", wait_until="commit")
    pictures = page.locator(".found-page img")
    expect(pictures).to_have_count(3)
    for picture in pictures.all():
        expect(picture).to_have_js_property("complete", True)
    held.pop().continue_()
    expect(page.locator(".found-page[data-gone]")).to_have_count(3)
    expect(page.locator(".found-page img")).to_have_count(0)


def test_nothing_is_wider_than_the_window(live: Live) -> None:
    page = live()
    spare = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    queries = ("", "?q=a", "?q=a&type=sources", f"?q={LONG}", f"?q=rien {LONG}", "?q=a&etat=x")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for query in queries:
            page.goto(f"/recherche/{query}")
            assert page.evaluate(spare) <= 0, (width, query)
        page.goto("/fiches/")
        type_in(page, "chal")
        box = page.get_by_role("listbox").bounding_box()
        assert box, width
        assert box["x"] >= 0, width
        assert box["x"] + box["width"] <= width
        assert box["width"] >= 300, width
