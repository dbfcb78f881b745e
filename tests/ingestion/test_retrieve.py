"""Retrieve: the right passage first, whatever is out of order."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django import Settings

from ingestion.models import Chunk, Document
from ingestion.pipeline.run import accept_upload
from ingestion.search import hybrid, retrieve, similarity
from ingestion.search.passage import BY_MEANING, BY_WORDS
from ingestion.vector_index.collections import count_vectors, drop_model_collection
from tests.conftest import AIR, LIGHT, make_pdf, run_queue, upload
from tests.fake_ai import EMBEDDING_MODEL, FakeAI
from wikico2.errors import TransientError

QUESTION = "Comment récupérer la chaleur des compresseurs d'air ?"


def test_the_passage_that_answers_comes_first(document: Document) -> None:
    passages = retrieve.retrieve_passages(QUESTION, k=3)
    assert passages[0].page_start == 1
    assert passages[0].found_by == BY_MEANING
    assert passages[0].title == "Guide de l'énergie"
    assert "90 %" in passages[0].text
    assert [p.score for p in passages] == sorted((p.score for p in passages), reverse=True)


def test_no_more_than_asked_for(document: Document) -> None:
    assert len(retrieve.retrieve_passages(QUESTION, k=1)) == 1
    assert retrieve.retrieve_passages(QUESTION, k=0) == []
    assert retrieve.retrieve_passages(" \0 ", k=3) == []


def test_hits_that_postgresql_does_not_know_are_dropped(document: Document) -> None:
    best = retrieve.retrieve_passages(QUESTION, k=1)[0]
    Chunk.objects.filter(pk=best.chunk_id).delete()
    rest = retrieve.retrieve_passages(QUESTION, k=3)
    assert rest
    assert best.chunk_id not in [p.chunk_id for p in rest]


def test_only_ready_documents_answer(document: Document) -> None:
    Document.objects.update(state="cancelled")
    assert retrieve.retrieve_passages(QUESTION) == []


def test_only_the_documents_asked_for_answer(document: Document) -> None:
    other = accept_upload(upload(make_pdf(LIGHT)), None)
    run_queue()
    assert {p.document_id for p in retrieve.retrieve_passages(QUESTION)} == {document.pk, other.pk}
    found = retrieve.retrieve_passages(QUESTION, document_ids=[other.pk])
    assert {p.document_id for p in found} == {other.pk}
    assert retrieve.retrieve_passages(QUESTION, document_ids=[]) == []


def test_all_passages_as_near_as_the_last_neighbour_are_neighbours(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of them the index returns depends on the order in which it got them."""
    for number in range(6):
        accept_upload(upload(make_pdf(AIR, title="Guide", author=f"{number}")), None)
    run_queue()
    assert Chunk.objects.values("content_hash").distinct().count() == 1
    monkeypatch.setattr(hybrid, "NEAREST", 1)
    found = [p.found_by for p in retrieve.retrieve_passages(QUESTION, k=20)]
    assert found == [BY_MEANING] * 6


def test_what_is_written_depends_on_no_approximate_search(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vectors of a sheet's sources are compared one by one, whatever the index holds."""

    def found() -> list[tuple[int, str]]:
        passages = retrieve.retrieve_passages(QUESTION, document_ids=ids, for_writing=True)
        return [(p.chunk_id, p.found_by) for p in passages]

    ids = [document.pk]
    by_index = [p.chunk_id for p in retrieve.retrieve_passages(QUESTION, document_ids=ids)]
    drop_model_collection(EMBEDDING_MODEL)
    assert found() == [(pk, BY_MEANING) for pk in by_index]
    monkeypatch.setattr(similarity, "MOST_COMPARED", len(by_index) - 1)
    assert BY_MEANING not in {found_by for _pk, found_by in found()}


def test_a_question_is_embedded_once(document: Document, fake_ai: FakeAI) -> None:
    fake_ai.reset()
    for _ in range(3):
        retrieve.retrieve_passages(QUESTION)
    assert fake_ai.texts == [QUESTION]


class TestWithoutMeaning:
    """The index or the embedder is away: words decide."""

    @pytest.fixture(autouse=True)
    def _no_chroma(self, document: Document, settings: Settings) -> None:
        settings.CHROMA_PORT = 9

    @pytest.mark.parametrize(
        "question",
        [
            QUESTION,
            "comment recuperer la chaleur",
            "COMPRESSEURS",
            "l'air & la | chaleur : 'compresseur' !",
            "chaleur \\ ' quote",
        ],
    )
    def test_words_find_too(self, question: str) -> None:
        passages = retrieve.retrieve_passages(question, k=2)
        assert passages[0].page_start == 1
        assert {p.found_by for p in passages} == {BY_WORDS}

    def test_words_that_nobody_wrote_find_nothing(self) -> None:
        assert retrieve.retrieve_passages("zygomorphe") == []
        assert retrieve.retrieve_passages("le la du") == []

    def test_the_filter_holds(self, document: Document) -> None:
        assert retrieve.retrieve_passages(QUESTION, document_ids=[document.pk])
        assert retrieve.retrieve_passages(QUESTION, document_ids=[document.pk + 1]) == []

    def test_whoever_wants_meaning_only_is_told(self) -> None:
        with pytest.raises(TransientError):
            retrieve.retrieve_passages(QUESTION, for_writing=True)


def test_without_embedder_words_decide_within_seconds(
    document: Document, fake_ai: FakeAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wikico2.llm.client.FIRST_PAUSE", 0.01)
    fake_ai.down = True
    assert retrieve.retrieve_passages(QUESTION)[0].found_by == BY_WORDS
    assert len(fake_ai.requests) <= 3


def test_an_index_that_lost_everything_does_not_silence_the_search(document: Document) -> None:
    drop_model_collection(EMBEDDING_MODEL)
    assert retrieve.retrieve_passages(QUESTION)[0].found_by == BY_WORDS


class TestCommands:
    def test_retrieve_prints_what_writing_would_see(self, document: Document) -> None:
        output = StringIO()
        options = {"k": 2, "document": [document.pk], "json": True, "stdout": output}
        call_command("retrieve", QUESTION, **options)
        first, second = json.loads(output.getvalue())
        assert first["document"] == {"id": document.pk, "title": document.title}
        assert first["pages"] == [1, 1]
        assert "90 %" in first["text"]
        assert first["score"] >= second["score"]

    def test_retrieve_is_readable(self, document: Document) -> None:
        output = StringIO()
        call_command("retrieve", QUESTION, stdout=output)
        assert output.getvalue().startswith("1. Guide de l'énergie · p. 1 · Récupération")

    def test_reindexing_computes_nothing_again(self, document: Document, fake_ai: FakeAI) -> None:
        drop_model_collection(EMBEDDING_MODEL)
        fake_ai.reset()
        output = StringIO()
        for _ in range(2):
            call_command("reindex", stdout=output)
        assert not fake_ai.requests
        assert count_vectors(EMBEDDING_MODEL) == document.chunks.count()
        assert retrieve.retrieve_passages(QUESTION)[0].found_by == BY_MEANING

    def test_reindexing_serves_another_model(
        self, document: Document, fake_ai: FakeAI, settings: Settings
    ) -> None:
        fake_ai.models.append("another")
        settings.EMBEDDING_MODEL = "another"
        call_command("reindex", stdout=StringIO())
        document.refresh_from_db()
        assert document.indexed_with == "another"
        assert count_vectors("another") == count_vectors(EMBEDDING_MODEL) == document.chunks.count()
        assert retrieve.retrieve_passages(QUESTION)[0].found_by == BY_MEANING
        drop_model_collection("another")
