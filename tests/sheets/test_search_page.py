"""The pages of search: what an address asks for, what is shown of the answers, and to whom."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from ingestion.models import Document
from sheets.generation.request import create_sheet
from sheets.models import Revision, Sheet, SheetType
from sheets.revisions.save import save_revision
from sheets.search import Hit, MatchReason, ResultPage, Suggestion
from sheets.templatetags.found import marked
from tests.conftest import run_queue
from wikico2.filters import FacetChoice
from wikico2.models import User

AtMost = Callable[..., Any]
HOSTILE = "<script>alert(1)</script> & \" ' « mot »"
PAGE, FEED, SUGGESTIONS = "/recherche/", "/recherche/flux.atom", "/recherche/suggestions/"
ATOM = "{http://www.w3.org/2005/Atom}"


class Core:
    """Stands for `search_wiki` and `suggest`: answers as told, and notes what it was asked."""

    def __init__(self) -> None:
        self.answers = {"sheets": ResultPage(), "sources": ResultPage()}
        self.suggestions: list[Suggestion] = []
        self.asked: list[dict[str, Any]] = []

    def search(self, query: str, **more: Any) -> ResultPage:
        self.asked.append({"query": query, **more})
        return self.answers[more["kind"]]

    def suggest(self, prefix: str, user: Any) -> list[Suggestion]:
        self.asked.append({"prefix": prefix, "user": user})
        return self.suggestions

    @property
    def shown(self) -> dict[str, Any]:
        """The search whose answers were shown, not only counted."""
        return next(one for one in self.asked if one["page_size"])


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Core:
    core = Core()
    monkeypatch.setattr("sheets.views.search.search_wiki", core.search)
    monkeypatch.setattr("sheets.views.search.suggest_completions", core.suggest)
    return core


def a_sheet(**more: Any) -> Hit:
    values: dict[str, Any] = {
        "kind": "sheets",
        "id": 1,
        "title": "Récupération de chaleur",
        "url": "/fiches/recuperation-de-chaleur/#contexte",
        "heading": "Contexte & périmètre",
        "anchor": "contexte",
        "snippet": [("… la ", False), ("chaleur", True), (" fatale", False)],
        "why": MatchReason(words=True),
        "score": 1.0,
        "type_name": "Solution",
        "state": "draft",
        "state_name": "brouillon",
    }
    return Hit(**(values | more))


def a_page(**more: Any) -> Hit:
    address = "/sources/3/pages/14/"
    values: dict[str, Any] = {
        "kind": "sources",
        "id": 9,
        "title": "Guide de l’air comprimé",
        "url": f"{address}?passage=9",
        "heading": "Récupérer",
        "anchor": "",
        "snippet": [("chaleur", True)],
        "why": MatchReason(some=True, meaning=True),
        "score": 1.0,
        "page": 14,
        "page_end": 15,
        "document_id": 3,
        "chunk_id": 9,
        "thumbnail": f"{address}image/?size=small",
    }
    return Hit(**(values | more))


def html_of(client: Client, address: str = PAGE, **query: Any) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
class TestAnswers:
    def test_a_sheet_has_title_section_marked_words_and_why(
        self, client: Client, core: Core
    ) -> None:
        hit = a_sheet(
            why=MatchReason(words=True, meaning=True, synonyms=("chaleur fatale", "rejets"))
        )
        core.answers["sheets"] = ResultPage(hits=[hit], total=1)
        html = html_of(client, q="chaleur")
        assert 'href="/fiches/recuperation-de-chaleur/#contexte"' in html
        assert "Contexte &amp; périmètre" in html
        assert "… la <mark>chaleur</mark> fatale" in html
        assert "Tous les mots" in html
        assert "Synonyme\xa0: «\xa0chaleur fatale\xa0», «\xa0rejets\xa0»" in html
        assert "Sens proche" in html
        assert "Brouillon" in html

    def test_a_source_has_its_pages_and_a_picture_that_waits_to_be_seen(
        self, client: Client, core: Core
    ) -> None:
        core.answers["sources"] = ResultPage(hits=[a_page()], total=1)
        html = html_of(client, q="chaleur", type="sources")
        assert 'href="/sources/3/pages/14/?passage=9"' in html
        assert "14–15" in html
        image = re.search(r'<img src="/sources/3/pages/14/image/\?size=small"[^>]*>', html)
        assert image
        assert 'loading="lazy"' in image[0]

    def test_no_picture_of_a_page_that_the_reader_may_not_see(
        self, client: Client, core: Core, contributor: User
    ) -> None:
        core.answers["sources"] = ResultPage(hits=[a_page(thumbnail="")], total=1)
        html = html_of(client, q="chaleur", type="sources")
        assert "<img" not in html
        assert "interne" in html
        client.force_login(contributor)
        assert "interne" not in html_of(client, q="chaleur", type="sources")

    def test_a_tab_tells_its_number_and_asks_for_that_of_the_other(
        self, client: Client, core: Core
    ) -> None:
        core.answers["sheets"] = ResultPage(hits=[a_sheet()], total=1)
        core.answers["sources"] = ResultPage(total=200, capped=True)
        html = html_of(client, q="chaleur", etat="draft")
        assert re.search(
            r'\?q=chaleur&amp;etat=draft" aria-current="page">Fiches\s+'
            r'<span class="count"\s*>1</span>',
            html,
        )
        assert [one["kind"] for one in core.asked] == ["sheets"]
        [address] = re.findall(r'data-counted-at="(/recherche/nombre/[^"]*)"', html)
        assert client.get(unescape(address)).content == b"200+"
        assert core.asked[-1] == {**core.asked[-1], "kind": "sources", "page_size": 0}

    def test_corrections_notice_and_terms_are_told(self, client: Client, core: Core) -> None:
        notice = "La recherche par le sens ne répond pas."
        core.answers["sheets"] = ResultPage(
            hits=[a_sheet()], total=1, corrections=["chaleur fatale"], notice=notice
        )
        html = html_of(client, q="challeur")
        assert 'href="/recherche/?q=chaleur+fatale"' in html
        assert notice in html

    def test_many_answers_have_pages(self, client: Client, core: Core) -> None:
        core.answers["sheets"] = ResultPage(hits=[a_sheet()] * 20, total=61, capped=True)
        html = html_of(client, q="chaleur", etat="draft", page="3")
        assert core.shown["offset"] == 40
        assert "?q=chaleur&amp;etat=draft&amp;page=4" in html
        assert "page=5" not in html

    def test_an_old_address_past_the_end_shows_the_last_page(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offsets = []

        def search(query: str, *, offset: int = 0, **more: Any) -> ResultPage:
            offsets.append(offset)
            return ResultPage(hits=[a_sheet()] if offset < 21 else [], total=21)

        monkeypatch.setattr("sheets.views.search.search_wiki", search)
        assert "Récupération" in html_of(client, q="chaleur", page="77")
        assert offsets[:2] == [76 * 20, 20]


@pytest.mark.django_db
class TestFacets:
    @pytest.fixture
    def html(self, client: Client, core: Core) -> str:
        facets = {
            "state": [
                FacetChoice("draft", "brouillon", 3),
                FacetChoice("published", "publié", 2),
            ],
            "systeme": [FacetChoice("Froid", "Froid", 5)],
        }
        core.answers["sheets"] = ResultPage(hits=[a_sheet()], total=1, facets=facets)
        return html_of(client, q="chaleur", etat="draft", fiche="solution", page="1")

    def test_values_of_the_address_reach_the_search(self, html: str, core: Core) -> None:
        assert core.shown["filters"] == {"state": ("draft",), "type": ("solution",)}

    def test_each_choice_adds_itself_or_takes_itself_back(self, html: str) -> None:
        address = "/recherche/?q=chaleur&amp;fiche=solution"
        assert f'href="{address}&amp;etat=draft&amp;etat=published"' in html
        assert f'href="{address}" aria-current="true"' in html

    def test_one_value_that_is_not_chosen_narrows_nothing(self, html: str) -> None:
        assert "Froid" not in html

    def test_a_long_facet_is_folded_but_for_what_is_chosen(
        self, client: Client, core: Core
    ) -> None:
        values = [FacetChoice(str(n), f"Rapport {n:02}", 1) for n in range(60)]
        core.answers["sheets"] = ResultPage(hits=[a_sheet()], total=1, facets={"source": values})
        html = html_of(client, q="chaleur", source="50")
        shown, folded = html.split("<summary>32 autres</summary>")
        assert "Rapport 07" in shown
        assert "Rapport 50" in shown
        assert "Rapport 08" not in shown
        assert "Rapport 39" in folded
        assert "Rapport 40" not in folded

    def test_typing_again_keeps_what_was_chosen(self, html: str) -> None:
        assert '<input type="hidden" name="etat" value="draft">' in html
        assert '<input type="hidden" name="fiche" value="solution">' in html

    def test_the_other_tab_is_counted_without_them(self, html: str) -> None:
        assert 'data-counted-at="/recherche/nombre/?q=chaleur&amp;type=sources"' in html

    def test_the_tab_of_sources_has_its_own(self, client: Client, core: Core) -> None:
        html_of(client, q="chaleur", type="sources", etat="draft", langue="fr", acces="open")
        assert core.shown["filters"] == {"language": ("fr",), "access": ("open",)}


@pytest.mark.django_db
class TestNothingFound:
    def test_near_terms_and_the_other_tab_are_offered(self, client: Client, core: Core) -> None:
        core.answers["sheets"] = ResultPage(near=["compresseur"])
        core.answers["sources"] = ResultPage(hits=[a_page()], total=4)
        html = html_of(client, q="kompresseur")
        assert "Aucun résultat" in html
        assert 'href="/recherche/?q=compresseur"' in html
        assert "Voir 4 pages des sources" in html

    def test_only_those_who_may_are_asked_to_add(
        self, client: Client, core: Core, contributor: User
    ) -> None:
        create, add = "/fiches/nouvelle/?title=four%20%26%20s%C3%A9chage", reverse("document_add")
        html = html_of(client, q="four & séchage")
        assert create not in html
        assert f'href="{add}"' not in html
        client.force_login(User.objects.create_user("lecteur"))
        assert create not in html_of(client, q="four & séchage")
        client.force_login(contributor)
        html = html_of(client, q="four & séchage")
        assert f'href="{create}"' in html
        assert f'href="{add}"' in html

    def test_choices_can_be_taken_back(self, client: Client, core: Core) -> None:
        html = html_of(client, q="four", etat="published", type="sheets")
        assert '<a class="button" href="/recherche/?q=four">' in html

    def test_nothing_is_searched_before_anything_is_asked(self, client: Client, core: Core) -> None:
        html = html_of(client, q="  \0 ")
        assert core.asked == []
        assert "Aucun résultat" not in html
        assert 'name="q"' in html


@pytest.mark.django_db
class TestHostile:
    def test_nothing_found_typed_or_suggested_is_html(self, client: Client, core: Core) -> None:
        option = FacetChoice(HOSTILE, HOSTILE, 1)
        hit = a_sheet(
            title=HOSTILE,
            title_pieces=[(HOSTILE, True)],
            heading=HOSTILE,
            snippet=[(HOSTILE, False), (HOSTILE, True)],
            why=MatchReason(synonyms=(HOSTILE,)),
            type_name=HOSTILE,
            state_name=HOSTILE,
        )
        core.answers["sheets"] = ResultPage(
            hits=[hit], total=1, facets={"source": [option]}, corrections=[HOSTILE], notice=HOSTILE
        )
        html = html_of(client, q=HOSTILE, source=HOSTILE)
        assert "<script>alert" not in html
        assert html.count("&lt;script&gt;") > 10
        core.answers["sheets"] = ResultPage(near=[HOSTILE])
        assert "<script>alert" not in html_of(client, q=HOSTILE)

    def test_nothing_is_styled_or_scripted_inline(self, client: Client, core: Core) -> None:
        core.answers["sources"] = ResultPage(hits=[a_page()], total=1)
        for query in ({}, {"q": "chaleur"}, {"q": "chaleur", "type": "sources"}):
            html = html_of(client, **query)
            assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", html)
            assert not re.search(r"<script(?![^>]*\ssrc=)", html)
            assert re.search(r'placeholder="Des mots, [^"]+ question…"', html)

    @pytest.mark.parametrize(
        "query",
        [
            "q=" + "a " * 3000,
            "q=%00%27%22)(*%26|!:",
            "q=%ff%fe%ed%a0%80",
            "q=%01%0b%ef%bf%bf",
            "q=-",
            "q=%22",
            "q=OR+OR+-OR+type:",
            "q=etat:x+source:99999999999999999999+systeme:%22",
            "q=a&type=x&page=99999999999",
            "q=a&page=-1&source=x&source=99999999999999999999&etat=%00",
            "q=a&page=²&type=sources&document=x&langue=%27&acces=zz",
            "q=a" + "&source=1" * 500,
        ],
    )
    def test_whatever_is_asked_there_is_an_answer(self, client: Client, query: str) -> None:
        for address in (PAGE, FEED, SUGGESTIONS):
            assert client.get(f"{address}?{query}").status_code == 200, address

    def test_a_very_long_query_is_cut_and_says_so(self, client: Client, core: Core) -> None:
        html = html_of(client, q="chaleur " * 100)
        assert len(core.shown["query"]) == 400
        assert "seuls ses 400 premiers caractères" in html


@pytest.mark.django_db
class TestSuggestions:
    def test_they_are_pieces_of_text_with_an_address(self, client: Client, core: Core) -> None:
        core.suggestions = [
            Suggestion("sheet", "Chal", [("Ch", True), ("al", False)], "/fiches/c/", "Solution"),
            Suggestion("word", "chaleur fatale", [("chaleur fatale", False)]),
        ]
        answer = client.get(SUGGESTIONS, {"q": " chal "})
        assert answer.json() == {
            "q": "chal",
            "suggestions": [
                {
                    "kind": "sheet",
                    "label": "fiche",
                    "text": "Chal",
                    "pieces": [["Ch", True], ["al", False]],
                    "context": "Solution",
                    "url": "/fiches/c/",
                },
                {
                    "kind": "word",
                    "label": "mot",
                    "text": "chaleur fatale",
                    "pieces": [["chaleur fatale", False]],
                    "context": "",
                    "url": "/recherche/?q=chaleur+fatale",
                },
            ],
        }
        assert "private" in answer.headers["Cache-Control"]

    def test_nothing_is_looked_up_before_a_letter(self, client: Client, core: Core) -> None:
        assert client.get(SUGGESTIONS).json()["suggestions"] == []
        assert core.asked == []

    def test_every_box_leads_to_search_and_suggests(self, client: Client) -> None:
        for address in ("/", "/fiches/", "/sources/", PAGE):
            html = html_of(client, address)
            assert f'action="{PAGE}"' in html, address
            assert f'data-suggest="{SUGGESTIONS}"' in html, address


@pytest.mark.django_db
class TestFeed:
    @pytest.fixture
    def two(self, core: Core) -> list[Sheet]:
        kind = SheetType.objects.get(key="solution")
        sheets = [
            create_sheet(kind, title, None) for title in ("Vieille", "Neuve \x02\ufffe & <b>")
        ]
        hits = [
            a_sheet(id=s.pk, title=s.title, url=f"{s.get_absolute_url()}#contexte") for s in sheets
        ]
        gone = a_sheet(id=10**9, title="Disparue")
        core.answers["sheets"] = ResultPage(hits=[*hits, gone], total=3)
        return sheets

    def entries(self, content: bytes) -> list[ElementTree.Element]:
        return ElementTree.fromstring(content).findall(f"{ATOM}entry")  # noqa: S314

    def test_what_changed_last_comes_first_and_the_xml_is_whole(
        self, client: Client, core: Core, two: list[Sheet]
    ) -> None:
        answer = client.get(FEED, {"q": "chaleur \x0b", "etat": "draft"})
        assert answer.headers["Content-Type"].startswith("application/atom+xml")
        first, second = self.entries(answer.content)
        assert first.findtext(f"{ATOM}title") == "Neuve & <b> · Contexte & périmètre"
        assert second.findtext(f"{ATOM}summary") == "… la chaleur fatale"
        assert second.findtext(f"{ATOM}id") == f"http://testserver{two[0].get_absolute_url()}"
        assert core.shown["filters"] == {"state": ("draft",)}
        assert core.shown["dense"] is False

    def test_it_is_sent_again_only_when_something_changed(
        self, client: Client, two: list[Sheet]
    ) -> None:
        tag = client.get(FEED, {"q": "chaleur"}).headers["ETag"]
        again = client.get(FEED, {"q": "chaleur"}, headers={"If-None-Match": tag})
        assert again.status_code == 304
        two[0].save()
        again = client.get(FEED, {"q": "chaleur"}, headers={"If-None-Match": tag})
        assert again.status_code == 200
        title = self.entries(again.content)[0].findtext(f"{ATOM}title")
        assert title == "Vieille · Contexte & périmètre"

    def test_the_page_names_its_feed(self, client: Client, core: Core) -> None:
        core.answers["sources"] = ResultPage(hits=[a_page()], total=1)
        html = html_of(client, q="chaleur", type="sources", langue="fr")
        assert (
            html.count('href="/recherche/flux.atom?q=chaleur&amp;type=sources&amp;langue=fr"') == 2
        )

    def test_a_private_site_keeps_it_to_itself(self, client: Client, settings: Settings) -> None:
        settings.PUBLIC_SITE = False
        for address in (PAGE, FEED, SUGGESTIONS):
            assert client.get(address, {"q": "chaleur"}).status_code == 302


class TestTogether:
    """With the search itself: what was uploaded and written is found, by those who may."""

    @pytest.fixture
    def wiki(self, document: Document) -> Sheet:
        sheet = create_sheet(
            SheetType.objects.get(key="solution"), "Économiseur de chaudière", None
        )
        sheet.documents.add(document)
        save_revision(
            sheet,
            base=None,
            body="## 🧭 Contexte & périmètre\n\nIl préchauffe l’eau avec les fumées.\n",
            metadata={},
            origin=Revision.Origin.HUMAN,
        )
        run_queue()
        return sheet

    def test_a_sheet_is_found_at_its_section(self, client: Client, wiki: Sheet) -> None:
        html = html_of(client, q="prechauffer fumée")
        assert f'href="{wiki.get_absolute_url()}#contexte"' in html
        assert "<mark>fumées</mark>" in html

    def test_a_source_is_found_at_its_passage(
        self, client: Client, wiki: Sheet, document: Document
    ) -> None:
        html = html_of(client, q="economiseurs", type="sources")
        passage = document.chunks.get(page_start=2)
        assert f'href="/sources/{document.pk}/pages/2/?passage={passage.pk}"' in html
        assert "<mark>économiseur</mark>" in html

    def test_an_internal_source_is_shown_to_people_with_an_account_only(
        self, client: Client, wiki: Sheet, document: Document, contributor: User
    ) -> None:
        Document.objects.update(access=Document.Access.INTERNAL)
        for address in (PAGE, FEED):
            content = client.get(address, {"q": "économiseur", "type": "sources"}).content.decode()
            assert "alimentation" not in content, address
            assert "image/?size=small" not in content, address
        client.force_login(contributor)
        html = html_of(client, q="économiseur", type="sources")
        assert "alimentation" in html
        assert "image/?size=small" in html

    def test_a_hidden_draft_is_neither_found_nor_suggested(
        self, client: Client, wiki: Sheet, settings: Settings, contributor: User
    ) -> None:
        address = wiki.get_absolute_url()
        assert address in client.get(SUGGESTIONS, {"q": "écono"}).content.decode()
        settings.SHOW_DRAFTS = False
        for page in (PAGE, FEED, SUGGESTIONS):
            assert address not in client.get(page, {"q": "économiseur"}).content.decode(), page
        client.force_login(contributor)
        assert address in html_of(client, q="économiseur")

    def test_what_pages_cost_in_queries(
        self, client: Client, wiki: Sheet, django_assert_max_num_queries: AtMost
    ) -> None:
        for address, most in ((PAGE, 30), (FEED, 12), (SUGGESTIONS, 6)):
            for kind in ("sheets", "sources"):
                with django_assert_max_num_queries(most):
                    client.get(address, {"q": "économiseur eau", "type": kind})


def test_answers_are_spaced_as_french_and_without_the_bars_of_tables() -> None:
    html = marked([("… | La ", False), ("chaleur", True), (" | 2 000 kW | | Suite ; fin", False)])
    assert html == "… · La <mark>chaleur</mark> · 2\u202f000\u00a0kW · Suite\u202f; fin"
