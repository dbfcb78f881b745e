"""Consistency of the vector index: check, repair, and rebuild for another model."""

from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from pytest_django import Settings

from ingestion.models import Document, IndexBuild, Vector
from ingestion.search.retrieve import retrieve_passages
from ingestion.vector_index.chroma_client import (
    Metadata,
    drop_collection,
    get_or_create_collection,
    list_collections,
)
from ingestion.vector_index.collections import (
    PASSAGES,
    collection_name,
    count_vectors,
    drop_model_collection,
)
from ingestion.vector_index.consistency import audit_collection, unusable_vectors
from ingestion.vector_index.rebuild import (
    active_model,
    begin_build,
    check_index_settings,
    drop_unused_collections,
)
from ingestion.vector_index.registry import indexed_models
from sheets.models import Revision, Sheet, SheetType
from sheets.revisions.save import save_revision
from sheets.search.indexing import SECTIONS
from tests.conftest import let_go_on, run_job, run_queue
from tests.fake_ai import EMBEDDING_MODEL as MODEL
from tests.fake_ai import FakeAI
from wikico2.jobs import queue
from wikico2.jobs.queue import restart_job
from wikico2.models import Job, User

OTHER = "other-embeddings"


@pytest.fixture
def sheet(document: Document, contributor: User) -> Sheet:
    """A sheet with a text, indexed like the document."""
    sheet = Sheet.objects.create(
        sheet_type=SheetType.objects.get(key="solution"), title="Vapeur", slug="vapeur"
    )
    body = "## Principe\n\nLa chaudière chauffe l'eau.\n"
    human = Revision.Origin.HUMAN
    save_revision(sheet, base=None, body=body, metadata={}, origin=human, author=contributor)
    run_queue()
    return sheet


@pytest.fixture(autouse=True)
def _nothing_left_by_others() -> None:
    for collection in list_collections():
        drop_collection(collection.name)


def check(*options: str) -> tuple[int, str]:
    output = StringIO()
    try:
        call_command("check_index", *options, stdout=output)
    except SystemExit as end:
        return int(end.code or 0), output.getvalue()
    return 0, output.getvalue()


class TestCheck:
    def test_what_is_sound_is_said_to_be(self, document: Document) -> None:
        status, said = check()
        assert status == 0
        assert f"passages: {document.chunks.count()} in PostgreSQL" in said

    def test_a_lost_index_comes_back_without_a_request(
        self, sheet: Sheet, document: Document, fake_ai: FakeAI
    ) -> None:
        sections = count_vectors(MODEL, SECTIONS)
        assert sections
        for collection in list_collections():
            drop_collection(collection.name)
        asked = len(fake_ai.requests)
        assert check()[0] == 1
        status, said = check("--repair")
        assert status == 0, said
        assert count_vectors(MODEL) == document.chunks.count()
        assert count_vectors(MODEL, SECTIONS) == sections
        assert len(fake_ai.requests) == asked
        assert check()[0] == 0

    def test_both_ways(self, document: Document) -> None:
        collection = get_or_create_collection(collection_name(MODEL))
        first, second = document.chunks.all()[:2]
        vector = Vector.objects.get(content_hash=first.content_hash)
        collection.delete([str(first.pk)])
        stray: list[tuple[str, Metadata]] = [
            ("999999", {"document": 999_999, "hash": "gone"}),
            (str(second.pk), {"document": document.pk, "hash": "of another text"}),
        ]
        keys, about = [key for key, _ in stray], [metadata for _, metadata in stray]
        collection.upsert(keys, [bytes(vector.data)] * 2, about)
        [passages] = [h for h in indexed_models() if h.kind == PASSAGES]
        found = audit_collection(passages, MODEL)
        assert found.missing == {document.pk: {first.pk, second.pk}}
        assert sorted(found.stray) == sorted(keys)
        assert check("--repair")[0] == 0
        assert check()[0] == 0
        assert count_vectors(MODEL) == document.chunks.count()

    def test_vectors_that_cannot_be_used_are_computed_again(
        self, document: Document, fake_ai: FakeAI
    ) -> None:
        first = document.chunks.all()[0]
        kept = Vector.objects.filter(content_hash=first.content_hash)
        kept.update(data=np.ones(5, "<f4").tobytes())
        nothing = np.full(128, np.nan, "<f4").tobytes()
        Vector.objects.create(content_hash="of no passage", model=MODEL, data=nothing)
        get_or_create_collection(collection_name(MODEL)).delete([str(first.pk)])
        status, said = check("--repair")
        assert (status, "2 cached vectors cannot be used" in said) == (0, True)
        assert len(fake_ai.texts) == document.chunks.count() + 1
        assert unusable_vectors(MODEL) == []

    def test_at_the_start_a_lost_index_is_mended(self, document: Document) -> None:
        drop_model_collection(MODEL)
        check_index_settings()
        run_queue()
        assert count_vectors(MODEL) == document.chunks.count()


class TestAnotherModel:
    @pytest.fixture(autouse=True)
    def _other(self, document: Document, fake_ai: FakeAI, settings: Settings) -> None:
        check_index_settings()
        run_queue()
        fake_ai.models.append(OTHER)
        settings.EMBEDDING_MODEL = OTHER
        settings.EMBEDDING_DIMENSIONS = 0

    def found(self) -> list[str]:
        return [
            p.found_by for p in retrieve_passages("fumées de la chaudière", k=1, for_writing=True)
        ]

    def test_search_asks_the_old_one_until_the_new_one_is_whole(
        self, sheet: Sheet, document: Document, fake_ai: FakeAI, settings: Settings
    ) -> None:
        settings.TASK_SLICE_SECONDS = 0
        check_index_settings()
        fake_ai.requests.clear()
        assert active_model() == MODEL
        assert self.found() == ["meaning"]
        assert fake_ai.requests[-1].body["model"] == MODEL
        run_queue()
        assert active_model() == OTHER
        assert self.found() == ["meaning"]
        assert fake_ai.requests[-1].body["model"] == OTHER
        assert count_vectors(OTHER) == document.chunks.count()
        assert count_vectors(OTHER, SECTIONS) == count_vectors(MODEL, SECTIONS)
        document.refresh_from_db()
        assert document.indexed_with == OTHER
        assert Job.objects.get(kind="index_cleanup").not_before
        assert len(drop_unused_collections()) == 2
        assert check()[0] == 0

    def test_whoever_changes_their_mind_stays_with_the_old_one(
        self, document: Document, settings: Settings
    ) -> None:
        check_index_settings()
        settings.EMBEDDING_MODEL = MODEL
        check_index_settings()
        assert not IndexBuild.objects.in_progress().exists()
        run_queue()
        assert active_model() == MODEL

    def test_a_model_that_is_not_offered_is_said_and_can_be_retried(
        self, document: Document, fake_ai: FakeAI
    ) -> None:
        fake_ai.models.remove(OTHER)
        check_index_settings()
        run_queue()
        [failed] = IndexBuild.objects.failed()
        assert OTHER in failed.error
        assert active_model() == MODEL
        fake_ai.models.append(OTHER)
        assert restart_job(failed.job)
        run_queue()
        assert active_model() == OTHER

    def test_an_outage_postpones_it(self, document: Document, settings: Settings) -> None:
        port, settings.CHROMA_PORT = settings.CHROMA_PORT, 9
        one = begin_build(OTHER)
        assert one
        run_job(one)
        one.refresh_from_db()
        assert (one.state, one.error_code) == ("waiting", "index_unreachable")
        assert Job.objects.get(kind="index_build").not_before
        settings.CHROMA_PORT = port
        let_go_on()
        queue.resume_stalled()
        run_queue()
        assert active_model() == OTHER
