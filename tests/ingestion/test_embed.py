"""Embed: each text once, whatever stops the work in between."""

import numpy as np
import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from ingestion.models import Chunk, Document, Vector
from ingestion.vector_index.embed import embed_chunks, embedded_text, without_vector
from ingestion.vector_index.embedders import local
from ingestion.vector_index.embedders.base import Embedder
from ingestion.vector_index.embedders.registry import get_embedder
from ingestion.vector_index.embedders.remote import RemoteEmbedder
from tests.fake_ai import EMBEDDING_MODEL, FakeAI
from wikico2.errors import TransientError

ONE_BY_ONE = RemoteEmbedder(EMBEDDING_MODEL, batch=1)


@pytest.fixture
def chunked(waiting_document: Document) -> Document:
    """A document whose passages have no vector yet; the last repeats the first."""
    Chunk.objects.bulk_create(
        Chunk(
            document=waiting_document,
            position=position,
            text=text,
            page_start=1,
            page_end=1,
            headings=["Chaleur", text.split()[0]],
            content_hash=f"{text:x<64}",
        )
        for position, text in enumerate(["air comprimé", "vapeur", "éclairage", "air comprimé"])
    )
    return waiting_document


def test_each_text_is_computed_once(chunked: Document, fake_ai: FakeAI) -> None:
    for _ in range(2):
        assert embed_chunks(chunked.chunks.all(), get_embedder())
    assert sorted(fake_ai.texts) == sorted({embedded_text(chunk) for chunk in chunked.chunks.all()})
    assert Vector.objects.count() == 3
    assert fake_ai.texts[0] == "Chaleur › air\nair comprimé"


def test_what_is_kept_is_what_was_answered(chunked: Document) -> None:
    embedder = get_embedder()
    embed_chunks(chunked.chunks.all(), embedder)
    for chunk in chunked.chunks.all():
        kept = Vector.objects.get(content_hash=chunk.content_hash, model=embedder.name)
        assert np.array_equal(kept.values, embedder.passages([embedded_text(chunk)])[0])


def test_progress_counts_passages(chunked: Document) -> None:
    told: list[tuple[int, int]] = []
    embed_chunks(
        chunked.chunks.all(), ONE_BY_ONE, on_progress=lambda done, total: told.append((done, total))
    )
    assert told == [(0, 4), (2, 4), (3, 4), (4, 4)]


def test_work_goes_on_where_it_was_cut_short(chunked: Document, fake_ai: FakeAI) -> None:
    assert not embed_chunks(chunked.chunks.all(), ONE_BY_ONE, enough=lambda: True)
    assert without_vector(chunked.chunks.all(), EMBEDDING_MODEL).count() == 2

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_chunks(chunked.chunks.all(), ONE_BY_ONE, on_progress=stop)
    assert without_vector(chunked.chunks.all(), EMBEDDING_MODEL).count() == 1
    assert embed_chunks(chunked.chunks.all(), ONE_BY_ONE)
    assert len(fake_ai.texts) == 3


def test_another_model_has_vectors_of_its_own(chunked: Document) -> None:
    embed_chunks(chunked.chunks.all(), get_embedder())
    assert without_vector(chunked.chunks.all(), "another").count() == 4


def test_vectors_that_are_no_numbers_are_never_kept(chunked: Document) -> None:
    class Broken:
        name = "broken"
        batch = 2
        at_once = 1

        def passages(self, texts: object, patience: object = None) -> object:
            return np.full((2, 3), np.nan, dtype=np.float32)

    with pytest.raises(TransientError):
        embed_chunks(chunked.chunks.all(), Broken())  # type: ignore[arg-type]
    assert not Vector.objects.exists()


class TestEmbedders:
    def test_questions_take_the_form_that_the_model_wants(
        self, fake_ai: FakeAI, settings: Settings
    ) -> None:
        fake_ai.models.append("bge-multilingual-gemma2")
        settings.EMBEDDING_MODEL = "bge-multilingual-gemma2"
        settings.EMBEDDING_DIMENSIONS = 128
        get_embedder().query("Quel gain {x} ?")
        get_embedder().passages(["Un gain."])
        question, passage = fake_ai.texts
        assert question.startswith("<instruct>")
        assert question.endswith("\n<query>Quel gain {x} ?")
        assert passage == "Un gain."

    @pytest.mark.parametrize(
        ("model", "dimensions"),
        [("multilingual-e5-small", 384), ("universal-sentence-encoder-multilingual", 512)],
    )
    def test_local_models_understand_french(
        self, settings: Settings, model: str, dimensions: int
    ) -> None:
        settings.EMBEDDING_BACKEND = "local"
        settings.LOCAL_EMBEDDING_MODEL = model
        embedder: Embedder = get_embedder()
        vectors = embedder.passages(
            [
                "La récupération de chaleur sur les compresseurs fournit de l'eau chaude.",
                "Le conseil municipal se réunit chaque mois.",
                "un texte\0 avec un zéro et un \ud800 isolé",
                "",
            ]
        )
        assert vectors.shape == (4, dimensions)
        assert vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
        query = embedder.query("Comment valoriser la chaleur d'un compresseur ?")
        scores = vectors @ query
        assert scores[0] == max(scores)

    def test_the_name_tells_when_another_model_steps_in(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(local, "find_spec", lambda name: None)
        with caplog.at_level("WARNING"):
            embedder = local.local_embedder.__wrapped__("multilingual-e5-small")
        assert embedder.name == "universal-sentence-encoder-multilingual"
        assert "no build for this machine" in caplog.text


assert django_settings.EMBEDDING_BACKEND == "openai"
