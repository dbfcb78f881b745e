"""Search by words (BM25): right matches, no others; the statistics follow the rows."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from ingestion.models import Chunk, Document, Synonyms
from ingestion.search import bm25, postings, spelling
from ingestion.search.bm25 import prepare_query, rank_rows
from ingestion.search.query import parse_query
from ingestion.search.retrieve import PASSAGE_TARGET, find_passages
from ingestion.search.ties import best_first, tied

TABLE = Chunk._meta.db_table
TEXTS = {
    "air": "La chaleur des compresseurs d’air chauffe l’atelier.",
    "steam": "Un économiseur préchauffe l’eau de la chaudière vapeur.",
    "cold": "La condensation flottante abaisse la pression du froid ; l’air reste froid.",
    "pump": "La pompe à chaleur remplace la chaudière de l’atelier.",
    "light": "L’éclairage à diodes divise la consommation par deux.",
}

Found = Callable[[str], list[str]]


def add(texts: dict[str, str], name: str = "guide") -> Document:
    document = Document.objects.create(
        title=name, sha256=name.ljust(64, "0"), size=1, state="ready"
    )
    Chunk.objects.bulk_create(
        Chunk(
            document=document,
            position=position,
            text=text,
            page_start=1,
            page_end=1,
            content_hash=f"{name}{position}".ljust(64, "0"),
        )
        for position, text in enumerate(texts.values())
    )
    spelling.learn_words(texts.values())
    return document


@pytest.fixture
def found(db: None) -> Found:
    """Return the names of the texts that a query finds, the best first."""
    document = add(TEXTS)
    chunks = document.chunks.order_by("position")
    names = dict(zip(chunks.values_list("pk", flat=True), TEXTS, strict=True))

    def search(query: str) -> list[str]:
        finding = find_passages(parse_query(query), dense=False)
        return [names[one.entry] for one in finding.hits]

    return search


class TestLanguage:
    @pytest.mark.parametrize(
        ("query", "answers"),
        [
            ("chaleur atelier", {"air", "pump"}),
            ('"pompe à chaleur"', {"pump"}),
            ('"chaleur pompe"', set()),
            ("chaudière -vapeur", {"pump"}),
            ("vapeur OR diodes", {"steam", "light"}),
            ('"air comprimé" OR diodes', {"light"}),
            ("-chaudière", set()),
        ],
    )
    def test_is_taken_at_its_word(self, found: Found, query: str, answers: set[str]) -> None:
        assert set(found(query)) == answers

    def test_words_that_stand_nowhere_together_find_what_comes_near(self, found: Found) -> None:
        assert set(found("vapeur diodes")) == {"steam", "light"}

    def test_a_question_needs_not_all_its_words(self, found: Found) -> None:
        assert found("comment réduire ce que mon éclairage consomme chaque année ?")[0] == "light"


class TestForgiving:
    @pytest.mark.parametrize(
        ("query", "answer"),
        [
            ("economiseurs", "steam"),
            ("ECLAIRAGES", "light"),
            ("écono", "steam"),
            ("econmiseur", "steam"),  # a letter missed
            ("économizeur", "steam"),  # one changed
            ("écnoomiseur", "steam"),  # two swapped
            ("leclairage", "light"),  # an apostrophe not typed
            ("condensations flottantes", "cold"),
        ],
    )
    def test_finds_what_was_meant(self, found: Found, query: str, answer: str) -> None:
        assert found(query)[0] == answer

    def test_what_nobody_wrote_finds_nothing(self, found: Found) -> None:
        assert found("xylophone") == []

    def test_the_correction_is_told(self, found: Found) -> None:
        asked = prepare_query(parse_query("econmiseur"), PASSAGE_TARGET.space)
        assert [c.written for c in asked.corrections["econmiseur"]] == ["économiseur"]


class TestThesaurus:
    def test_works_in_both_directions_and_at_once(self, found: Found) -> None:
        Synonyms.objects.all().delete()
        assert found("thermopompe") == []
        row = Synonyms.objects.create(terms=["thermopompe", "pompe à chaleur"])
        assert found("thermopompe") == ["pump"]
        add({"other": "Une thermopompe au gaz."}, "autre")
        entries = {
            one.entry for one in find_passages(parse_query("pompe à chaleur"), dense=False).hits
        }
        texts = set(Chunk.objects.filter(pk__in=entries).values_list("text", flat=True))
        assert texts == {TEXTS["pump"], "Une thermopompe au gaz."}
        row.delete()
        assert found("pompe à chaleur") == ["pump"]


class TestRanking:
    def test_equal_rows_stand_by_their_place_not_by_the_worker_that_was_first(
        self, found: Found
    ) -> None:
        """Whoever writes last the first place of a document stands first, also within a limit."""
        document = add({f"{n}": "Le xénon éclaire." for n in range(4)}, "xénon")
        last, *_rest = document.chunks.order_by("position")
        later = Chunk(**{f.attname: getattr(last, f.attname) for f in Chunk._meta.fields})
        last.delete()
        later.pk = None
        later.save()
        asked = prepare_query(parse_query("xénon éclairage"), PASSAGE_TARGET.space)
        for limit in (1, 2, 9):
            ranked = rank_rows(asked, PASSAGE_TARGET.space, limit=limit, strict=False).matches
            places = Chunk.objects.in_bulk([match.entry for match in ranked])
            positions = [places[match.entry].position for match in ranked]
            assert positions[:4] == list(range(min(limit, 4)))
            assert len(ranked) == min(limit, 5)
        finding = find_passages(parse_query("xénon"), dense=False)
        assert finding.hits[0].entry == later.pk

    def test_scores_that_differ_in_their_last_digits_are_equal(self) -> None:
        """The sum of the same terms differs with their order: 0.1 + 0.2 + 0.3."""
        scores = {2: 0.1 + 0.2 + 0.3, 1: 0.3 + 0.2 + 0.1, 3: 0.7}
        assert scores[2] > scores[1]
        assert best_first([1, 2, 3], scores.__getitem__) == [3, 1, 2]
        assert sorted(tied(scores)) == [1, 2]

    def test_a_word_tells_more_of_a_shorter_text(self, found: Found) -> None:
        assert found("air") == ["air", "cold"]

    def test_a_word_that_comes_again_tells_more(self, found: Found) -> None:
        add({"once": "Le froid industriel des entrepôts est produit loin de leurs quais."}, "autre")
        best = find_passages(parse_query("froid"), dense=False).hits[0].entry
        assert Chunk.objects.get(pk=best).text == TEXTS["cold"]

    @pytest.mark.parametrize("query", ["chaleur atelier", "air froid", "chaudière OR froid"])
    def test_looking_rows_up_finds_what_reading_whole_lists_does(
        self, found: Found, query: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = prepare_query(parse_query(query), PASSAGE_TARGET.space)
        ranked = []
        for cost in (0, 1_000_000):
            monkeypatch.setattr(bm25, "PROBE_COST", cost)
            ranked.append(rank_rows(asked, PASSAGE_TARGET.space, limit=9, strict=True).matches)
        assert ranked[0] == ranked[1]
        assert ranked[0]


def statistics() -> tuple[list[object], list[object]]:
    """Return the postings and the tally that are kept, each with what the rows say they are."""
    counted = f"""
        SELECT hashtextextended(w.lexeme, 0) AS lexeme, r.id::integer AS entry,
            cardinality(w.positions) + cardinality(array_positions(w.weights, 'A')) AS tf
        FROM {TABLE} AS r CROSS JOIN LATERAL unnest(r.search) AS w
    """
    pairs = (
        (f"SELECT lexeme, entry, tf::integer FROM {TABLE}_posting", counted),
        (
            f"SELECT lexeme, sum(entries) FROM {TABLE}_tally WHERE lexeme <> 0 "
            "GROUP BY 1 HAVING sum(entries) <> 0",
            f"SELECT lexeme, count(*) FROM ({counted}) AS c GROUP BY 1",
        ),
        (
            f"SELECT sum(entries), sum(length) FROM {TABLE}_tally WHERE lexeme = 0",
            f"SELECT count(DISTINCT entry), sum(tf) FROM ({counted}) AS c",
        ),
    )
    kept: list[object] = []
    said: list[object] = []
    with connection.cursor() as cursor:
        for sqls, into in ((pair, (kept, said)) for pair in pairs):
            for sql, rows in zip(sqls, into, strict=True):
                cursor.execute(sql)
                rows.append(sorted(cursor.fetchall()))
    return kept, said


class TestStatistics:
    def test_follow_the_rows(self, found: Found) -> None:
        kept, said = statistics()
        assert kept == said
        first, second, *others = Chunk.objects.order_by("pk")
        first.text = "Un séchoir à bande, un séchoir à tambour."
        first.save()
        second.delete()
        Chunk.objects.filter(pk=others[0].pk).update(position=99)
        kept, said = statistics()
        assert kept == said
        postings.compact_tallies(TABLE)
        kept, said = statistics()
        assert kept == said
        assert found("séchoir tambour") == ["air"]

    @pytest.mark.django_db(transaction=True)
    def test_many_writers_at_once_lose_nothing(self) -> None:
        def write(number: int) -> None:
            try:
                document = add(TEXTS, f"guide {number}")
                postings.compact_tallies(TABLE)
                document.chunks.filter(position=number).delete()
            except Exception as error:  # noqa: BLE001 (told below)
                failed.append(error)
            finally:
                connection.close()

        failed: list[Exception] = []
        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        kept, said = statistics()
        assert kept == said
        assert Chunk.objects.count() == 16
