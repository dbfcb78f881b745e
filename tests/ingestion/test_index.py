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
from ingestion.vector_index import chroma_client, collections
from ingestion.vector_index.chroma_client import Metadata, get_or_create_collection
from ingestion.vector_index.collections import (
    collection_name,
    count_vectors,
    delete_document_vectors,
    drop_model_collection,
    is_reachable,
    nearest_passages,
)
from tests.conftest import LIGHT, STEAM, make_pdf, run_queue, upload
from tests.fake_ai import EMBEDDING_MODEL as MODEL
from tests.fake_ai import FakeAI, Fault, vector_of
from wikico2.errors import TransientError, UserError


def nearest(text: str, k: int = 3, **options: object) -> list[int]:
    vector = np.array(vector_of(text), dtype=np.float32)
    return [pk for pk, _ in nearest_passages(vector, k, model=MODEL, **options)]  # type: ignore[arg-type]


@given(st.text(max_size=120))
def test_any_model_has_a_collection_name_that_chroma_takes(model: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]", collection_name(model))


def test_two_models_never_share_a_collection() -> None:
    models = ["bge-m3", "BAAI/bge-m3", "BAAI-bge-m3", "bge m3", "é", "è", "a" * 70, "a" * 71]
    assert len({collection_name(model) for model in models}) == len(models)


def test_a_document_is_found_by_its_meaning(document: Document) -> None:
    chunks = {chunk.pk: chunk for chunk in document.chunks.all()}
    assert count_vectors(MODEL) == len(chunks)
    assert chunks[nearest("fumées de la chaudière vapeur")[0]].page_start == 2


def test_scores_are_cosines(document: Document) -> None:
    chunk = document.chunks.first()
    assert chunk
    vector = Vector.objects.get(content_hash=chunk.content_hash).values
    [(pk, score)] = nearest_passages(vector, 1, model=MODEL)
    assert pk == chunk.pk
    assert score == pytest.approx(1.0, abs=1e-5)


def test_indexing_twice_changes_nothing(document: Document) -> None:
    before = count_vectors(MODEL)
    assert collections.index_document(document.pk, MODEL)
    assert count_vectors(MODEL) == before


def test_stale_passages_leave_and_new_ones_come(document: Document) -> None:
    chunk = document.chunks.last()
    assert chunk
    gone = chunk.pk
    chunk.delete()
    collections.index_document(document.pk, MODEL)
    assert count_vectors(MODEL) == document.chunks.count()
    assert gone not in nearest("éclairage des entrepôts", k=10)


def test_a_vector_left_by_another_database_is_replaced(document: Document) -> None:
    chunk = document.chunks.get(page_start=2)
    wrong = np.array(vector_of("rien à voir"), dtype="<f4").tobytes()
    collection = get_or_create_collection(collection_name(MODEL))
    metadata: Metadata = {"document": document.pk, "hash": "of another text"}
    collection.upsert([str(chunk.pk)], [wrong], [metadata])
    assert nearest("fumées chaudière vapeur")[0] != chunk.pk
    collections.index_document(document.pk, MODEL)
    assert nearest("fumées chaudière vapeur")[0] == chunk.pk


def test_only_the_documents_asked_for_are_searched(document: Document) -> None:
    from ingestion.pipeline.run import accept_upload

    other = accept_upload(upload(make_pdf(STEAM, LIGHT)), None)
    run_queue()
    mine = set(document.chunks.values_list("pk", flat=True))
    theirs = set(other.chunks.values_list("pk", flat=True))
    assert set(nearest("chaudière", 20, document_ids=[other.pk])) == theirs
    assert set(nearest("chaudière", 20, document_ids=[other.pk, document.pk])) == theirs | mine
    assert nearest("chaudière", 20, document_ids=[]) == []
    delete_document_vectors(other.pk)
    assert set(nearest("chaudière", 20)) == mine


def test_a_lost_collection_is_made_anew(document: Document) -> None:
    drop_model_collection(MODEL)
    drop_model_collection(MODEL)
    assert nearest("chaudière") == []
    collections.index_document(document.pk, MODEL)
    assert count_vectors(MODEL) == document.chunks.count()
    assert nearest("chaudière")


def test_vectors_of_another_length_are_refused_for_good(document: Document) -> None:
    with pytest.raises(UserError) as caught:
        nearest_passages(np.ones(3, dtype=np.float32), 1, model=MODEL)
    assert caught.value.code == "index_refused"
    assert not isinstance(caught.value, TransientError)


class TestAway:
    def test_nobody_listens(self, settings: Settings) -> None:
        settings.CHROMA_PORT = 9
        with pytest.raises(TransientError) as caught:
            nearest("chaudière")
        assert caught.value.code == "index_unreachable"
        assert not is_reachable()

    def test_a_server_that_says_nothing_is_not_waited_for(
        self, settings: Settings, silent_port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.CHROMA_PORT = silent_port
        with monkeypatch.context() as patch, pytest.raises(TransientError):  # noqa: PT012
            patch.setattr(chroma_client, "TIMEOUT", 0.2)
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
