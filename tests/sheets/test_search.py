"""Search over the sheets and the sources: what narrows, what is counted, why it was found."""

import pytest
from django.contrib.auth.models import AnonymousUser

from ingestion.models import Document, Synonyms
from sheets.generation.request import create_sheet
from sheets.models import Revision, Sheet, SheetType
from sheets.revisions.save import save_revision
from sheets.search import FACETS, Kind, ResultPage, search_wiki, suggest_completions
from sheets.search.indexing import learn_sheet_words
from tests.ingestion.test_bm25 import TEXTS, add
from wikico2.filters import FacetChoice

NOBODY = AnonymousUser()


def write(kind: str, title: str, text: str, *sources: Document, **header: str) -> Sheet:
    sheet = create_sheet(SheetType.objects.get(key=kind), title, None)
    sheet.documents.add(*sources)
    body = f"## 📖 Définition\n\n{text}\n"
    save_revision(sheet, base=None, body=body, metadata=header, origin=Revision.Origin.HUMAN)
    return sheet


@pytest.fixture
def wiki(db: None) -> dict[str, Sheet]:
    guide, report = add(TEXTS, "guide"), add({"one": "Le froid des laiteries."}, "rapport")
    sheets = {
        "heat": write(
            "solution",
            "Récupération de chaleur sur compresseurs d’air",
            "La chaleur fatale des compresseurs chauffe l’eau des ateliers.",
            guide,
            systeme="Air comprimé",
        ),
        "cold": write(
            "solution",
            "Haute pression flottante",
            "Le froid des laiteries consomme moins quand la pression suit la météo.",
            guide,
            report,
            systeme="Froid",
        ),
        "dairy": write("secteur", "Laiteries", "Froid, vapeur et eau chaude.", report),
    }
    Sheet.objects.filter(pk=sheets["cold"].pk).update(state=Sheet.State.PUBLISHED)
    return sheets


def ask(query: str, kind: Kind = "sheets", chosen: tuple[str, str] | None = None) -> ResultPage:
    filters = {chosen[0]: (chosen[1],)} if chosen else {}
    return search_wiki(query, user=NOBODY, kind=kind, filters=filters, dense=False)


def found(query: str) -> list[str]:
    return [hit.title for hit in ask(query).hits]


def counts(lines: list[FacetChoice]) -> dict[str, int | None]:
    return {line.value: line.count for line in lines}


class TestSheets:
    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("froid", ["dairy", "cold"]),
            ("froid type:solution", ["cold"]),
            ("froid type:secteur", ["dairy"]),
            ("froid état:publié", ["cold"]),
            ("systeme:froid", ["cold"]),
            ("système:air", ["heat"]),
            ("secteur:laiterie froid", ["dairy"]),
            ("type:solution -pression", ["heat"]),
            ("froid type:inconnu", []),
            ("chaleur -compresseur", []),
        ],
    )
    def test_fields_narrow(self, wiki: dict[str, Sheet], query: str, names: list[str]) -> None:
        assert sorted(found(query)) == sorted(wiki[name].title for name in names)

    def test_a_title_tells_more_than_a_text(self, wiki: dict[str, Sheet]) -> None:
        assert found("laiterie")[0] == "Laiteries"

    def test_a_hit_leads_to_its_section(self, wiki: dict[str, Sheet]) -> None:
        [hit] = ask("météo").hits
        assert hit.url == f"{wiki['cold'].get_absolute_url()}#definition"
        assert ("météo", True) in hit.snippet
        assert hit.why.words
        assert not hit.why.meaning

    def test_a_synonym_is_told(self, wiki: dict[str, Sheet]) -> None:
        Synonyms.objects.create(terms=["HP flottante", "pression flottante"])
        [hit] = ask("HP flottante").hits
        assert hit.title == "Haute pression flottante"
        assert hit.why.synonyms == ("pression flottante",)

    def test_facets_tell_what_each_choice_would_leave(self, wiki: dict[str, Sheet]) -> None:
        every = ask("froid")
        assert counts(every.facets["type"]) == {"solution": 1, "secteur": 1}
        narrowed = ask("froid", chosen=("type", "solution"))
        assert counts(narrowed.facets["type"]) == {"solution": 1, "secteur": 1}
        assert counts(narrowed.facets["systeme"]) == {"Froid": 1}
        for name in FACETS["sheets"]:
            for line in every.facets[name]:
                assert ask("froid", chosen=(name, line.value)).total == line.count, line

    def test_internal_sources_are_no_facet_for_readers(self, wiki: dict[str, Sheet]) -> None:
        Document.objects.filter(title="rapport").update(access=Document.Access.INTERNAL)
        assert [line.label for line in ask("froid").facets["source"]] == ["guide"]


class TestSources:
    def test_a_page_counts_once(self, wiki: dict[str, Sheet]) -> None:
        results = ask("chaleur OR froid OR chaudière", kind="sources")
        assert [hit.page for hit in results.hits] == [1, 1]
        assert counts(results.facets["document"]).keys() == {
            str(pk) for pk in Document.objects.values_list("pk", flat=True)
        }

    def test_what_cannot_be_opened_is_not_found(self, wiki: dict[str, Sheet]) -> None:
        Document.objects.filter(title="rapport").update(access=Document.Access.INTERNAL)
        assert [hit.title for hit in ask("froid", kind="sources").hits] == ["guide"]


@pytest.mark.parametrize("kind", ["sheets", "sources"])
@pytest.mark.parametrize("query", ["froid", "vapeur OR chaleur", "météo", "xylophone", "-froid"])
def test_counting_tells_what_listing_shows(wiki: dict[str, Sheet], kind: Kind, query: str) -> None:
    counted = search_wiki(query, user=NOBODY, kind=kind, page_size=0, dense=False)
    assert counted.total == ask(query, kind=kind).total
    assert counted.hits == []


class TestSuggestions:
    @pytest.mark.parametrize("typed", ["recup", "RÉCUP chal", "chaleur sur"])
    def test_titles_come_first(self, wiki: dict[str, Sheet], typed: str) -> None:
        first = suggest_completions(typed, NOBODY)[0]
        assert (first.kind, first.text) == ("sheet", wiki["heat"].title)
        assert any(mark for _text, mark in first.pieces)

    def test_words_of_texts_follow(self, wiki: dict[str, Sheet]) -> None:
        assert suggest_completions("mete", NOBODY) == []
        learn_sheet_words(wiki["cold"])
        assert ("word", "météo") in [
            (one.kind, one.text) for one in suggest_completions("mete", NOBODY)
        ]


class TestCorrections:
    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("recuperasion de chalure", "récupération de chaleur"),
            ("recuperation chalure", "recuperation chaleur"),
            ("presison flotante", "pression flottante"),
            ("copmresseurs", "compresseurs"),
            ("laietries", "laiteries"),
        ],
    )
    def test_the_corrected_word_is_the_one_that_was_meant(
        self, wiki: dict[str, Sheet], typed: str, meant: str
    ) -> None:
        write("solution", "Désinfection", "Le chlorure et la chaux, au chalumeau, sans chaloupe.")
        for sheet in Sheet.objects.all():
            learn_sheet_words(sheet)
        assert ask(typed).corrections[0] == meant
