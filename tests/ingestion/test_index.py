"""Index: what Chroma holds is what PostgreSQL says, whatever happened to it."""

import re
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from ingestion.models import Document, Vector
from ingestion.vector_index import chroma_client as chroma
from ingestion.vector_index import collections as index
from tests.conftest import LIGHT, STEAM, make_pdf, run_queue, upload
from tests.fake_ai import EMBEDDING_MODEL as MODEL
from tests.fake_ai import FakeAI, Fault, vector_of
from wikico2.errors import TransientError, WorkError


def nearest(text: str, k: int = 3, **options: object) -> list[int]:
    vector = np.array(vector_of(text), dtype=np.float32)
    return [pk for pk, _ in index.query(vector, k, model=MODEL, **options)]  # type: ignore[arg-type]


@given(st.text(max_size=120))
def test_any_model_has_a_collection_name_that_chroma_takes(model: str) -> None:
    assert re.fullmatch(
        r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]", index.collection_name(model)
    )


def test_two_models_never_share_a_collection() -> None:
    models = ["bge-m3", "BAAI/bge-m3", "BAAI-bge-m3", "bge m3", "é", "è", "a" * 70, "a" * 71]
    assert len({index.collection_name(model) for model in models}) == len(models)


def test_a_document_is_found_by_its_meaning(document: Document) -> None:
    chunks = {chunk.pk: chunk for chunk in document.chunks.all()}
    assert index.count(MODEL) == len(chunks)
    assert chunks[nearest("fumées de la chaudière vapeur")[0]].page_start == 2


def test_scores_are_cosines(document: Document) -> None:
    chunk = document.chunks.first()
    assert chunk
    vector = Vector.objects.get(content_hash=chunk.content_hash).values
    [(pk, score)] = index.query(vector, 1, model=MODEL)
    assert pk == chunk.pk
    assert score == pytest.approx(1.0, abs=1e-5)


def test_indexing_twice_changes_nothing(document: Document) -> None:
    before = index.count(MODEL)
    assert index.index_document(document.pk, MODEL)
    assert index.count(MODEL) == before


def test_stale_passages_leave_and_new_ones_come(document: Document) -> None:
    chunk = document.chunks.last()
    assert chunk
    gone = chunk.pk
    chunk.delete()
    index.index_document(document.pk, MODEL)
    assert index.count(MODEL) == document.chunks.count()
    assert gone not in nearest("éclairage des entrepôts", k=10)


def test_a_vector_left_by_another_database_is_replaced(document: Document) -> None:
    chunk = document.chunks.get(page_start=2)
    wrong = np.array(vector_of("rien à voir"), dtype="<f4").tobytes()
    collection = chroma.collection(index.collection_name(MODEL))
    metadata: chroma.Metadata = {"document": document.pk, "hash": "of another text"}
    collection.upsert([str(chunk.pk)], [wrong], [metadata])
    assert nearest("fumées chaudière vapeur")[0] != chunk.pk
    index.index_document(document.pk, MODEL)
    assert nearest("fumées chaudière vapeur")[0] == chunk.pk


def test_only_the_documents_asked_for_are_searched(document: Document) -> None:
    from ingestion.pipeline import run as ingest

    other = ingest.accept(upload(make_pdf(STEAM, LIGHT)), None)
    run_queue()
    mine = set(document.chunks.values_list("pk", flat=True))
    theirs = set(other.chunks.values_list("pk", flat=True))
    assert set(nearest("chaudière", 20, document_ids=[other.pk])) == theirs
    assert set(nearest("chaudière", 20, document_ids=[other.pk, document.pk])) == theirs | mine
    assert nearest("chaudière", 20, document_ids=[]) == []
    index.delete_document(other.pk)
    assert set(nearest("chaudière", 20)) == mine


def test_a_lost_collection_is_made_anew(document: Document) -> None:
    index.drop(MODEL)
    index.drop(MODEL)
    assert nearest("chaudière") == []
    index.index_document(document.pk, MODEL)
    assert index.count(MODEL) == document.chunks.count()
    assert nearest("chaudière")


def test_vectors_of_another_length_are_refused_for_good(document: Document) -> None:
    with pytest.raises(WorkError) as caught:
        index.query(np.ones(3, dtype=np.float32), 1, model=MODEL)
    assert caught.value.code == "index_refused"
    assert not isinstance(caught.value, TransientError)


class TestAway:
    def test_nobody_listens(self, settings: Settings) -> None:
        settings.CHROMA_PORT = 9
        with pytest.raises(TransientError) as caught:
            nearest("chaudière")
        assert caught.value.code == "index_unreachable"
        assert not index.is_reachable()

    def test_a_server_that_says_nothing_is_not_waited_for(
        self, settings: Settings, silent_port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.CHROMA_PORT = silent_port
        with monkeypatch.context() as patch, pytest.raises(TransientError):  # noqa: PT012
            patch.setattr(chroma, "TIMEOUT", 0.2)
            nearest("chaudière")

    def test_an_answer_of_another_kind_counts_as_none(
        self, settings: Settings, fake_ai: FakeAI
    ) -> None:
        settings.CHROMA_PORT = fake_ai.server.server_address[1]
        fake_ai.fail(Fault("garbage"))
        with pytest.raises(TransientError):
            nearest("chaudière")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        for connection in held:
            connection.close()
