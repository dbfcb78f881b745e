"""Sources read by an older reader are read again; what their text carried is found again."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DataError
from django.test import Client
from django_q.models import OrmQ, Schedule

from ingestion.kinds import SOURCE_REREAD
from ingestion.models import Document, Vector
from ingestion.pipeline import reread
from ingestion.pipeline.reread import outdated_documents, reread_document
from ingestion.readers import Block, DocumentInfo, PageText, ReadError
from ingestion.readers.media_type import DOC, DOCX, PDF
from ingestion.readers.registry import FORMATS, reader_version
from ingestion.search.retrieve import retrieve_passages
from ingestion.tasks import REREAD, reread_sources
from sheets.generation.request import request_sheet
from sheets.markdown.parse import write_note
from sheets.models import Citation, Sheet, SheetType
from sheets.notifications.activity import list_lost_citations
from sheets.revisions.reanchor import reanchor_source
from sheets.revisions.save import save_revision
from sheets.staleness.rules import CurrentInputs, compare_inputs, mark_reread
from tests.conftest import run_queue
from wikico2.jobs.log import event_lines
from wikico2.jobs.queue import pause_queue, start_job
from wikico2.models import User

READ = Document.State.READY


def pages_of(document: Document) -> list[PageText]:
    """Return the stored pages of a document, as its reader would return them."""
    return [
        PageText(
            page.number,
            page.text,
            page.width,
            page.height,
            tuple(Block(**block) for block in page.blocks),
            page.doubt,
        )
        for page in document.pages.order_by("number")
    ]


def with_text(page: PageText, text: str) -> PageText:
    return replace(page, text=text, blocks=(Block("paragraph", text),))


def now_reads(monkeypatch: pytest.MonkeyPatch, pages: Iterable[PageText]) -> None:
    """Make the reader return these pages from now on."""
    kept = list(pages)
    monkeypatch.setattr(reread, "read_document", lambda *_: iter([DocumentInfo(len(kept)), *kept]))


def read_again() -> int:
    """Let a worker read outdated sources again; return how many it has read."""
    before = outdated_documents().count()
    start_job(SOURCE_REREAD)
    run_queue()
    return before - outdated_documents().count()


@pytest.fixture
def old(document: Document) -> Document:
    """A ready source that a reader of an older version has read."""
    Document.objects.update(reader_version=0)
    document.refresh_from_db()
    return document


class TestVersions:
    def test_a_document_carries_the_version_that_read_it(self, document: Document) -> None:
        assert document.reader_version == reader_version(PDF) > 0
        assert not outdated_documents().exists()

    def test_rows_from_before_are_outdated(self, old: Document) -> None:
        assert list(outdated_documents()) == [old]

    def test_a_converted_format_counts_both_readers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = reader_version(DOC)
        monkeypatch.setitem(FORMATS, DOCX, replace(FORMATS[DOCX], version=7))
        assert reader_version(DOC) == before + 6
        assert reader_version("unknown/x") == 0


class TestReading:
    def test_the_same_text_changes_nothing_but_the_version(self, old: Document) -> None:
        before = list(old.chunks.values_list("pk", "text"))
        assert read_again() == 1
        old.refresh_from_db()
        assert (old.state, old.reader_version) == (READ, reader_version(PDF))
        assert list(old.chunks.values_list("pk", "text")) == before
        assert not OrmQ.objects.exists()
        assert read_again() == 0

    def test_unchanged_passages_keep_rows_and_vectors_though_they_move(
        self, old: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, *others = pages_of(old)
        added = [with_text(first, f"Un paragraphe ajouté, numéro {n}. " * 40) for n in range(3)]
        moved = [replace(page, number=n) for n, page in enumerate([*added, first, *others], 1)]
        now_reads(monkeypatch, moved)
        before = dict(old.chunks.values_list("content_hash", "pk"))
        vectors = set(Vector.objects.values_list("pk", flat=True))
        assert reread_document(old)
        after = dict(old.chunks.values_list("content_hash", "pk"))
        same = before.keys() & after.keys()
        assert len(same) >= len(before) - 1  # the first may have joined what was added
        assert all(before[key] == after[key] for key in same)
        positions = list(old.chunks.values_list("position", flat=True))
        assert positions == list(range(len(positions)))
        run_queue()
        old.refresh_from_db()
        assert (old.state, old.page_count) == (READ, len(moved))
        assert vectors <= set(Vector.objects.values_list("pk", flat=True))
        (found, *_) = retrieve_passages("paragraphe ajouté numéro 2", k=3)
        assert "ajouté" in found.text

    def test_what_cannot_be_read_now_stays_as_it_was(
        self, old: Document, monkeypatch: pytest.MonkeyPatch, contributor: User
    ) -> None:
        def fail(*_: object) -> Any:
            raise ReadError("unreadable")

        monkeypatch.setattr(reread, "read_document", fail)
        before = list(old.chunks.values_list("pk", "text"))
        assert not reread_document(old)
        old.refresh_from_db()
        assert (old.state, old.reader_version) == (READ, reader_version(PDF))
        assert list(old.chunks.values_list("pk", "text")) == before
        assert any("n’a pas pu relire" in line.text for line in event_lines(old.job))

    def test_one_that_cannot_be_saved_blocks_no_other(
        self, old: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now_reads(monkeypatch, [with_text(page, "Autre. " * 50) for page in pages_of(old)])

        def burst(*_: object) -> None:
            raise DataError("out of range")

        monkeypatch.setattr(reread, "save_chunks", burst)
        texts = list(old.pages.values_list("number", "text"))
        assert read_again() == 1
        assert not outdated_documents().exists()
        assert list(old.pages.values_list("number", "text")) == texts

    def test_what_the_pipeline_remarked_is_kept(
        self, old: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        remark = {"code": "attachment_unread", "count": 1, "detail": "x.exe"}
        old.pages.filter(number=1).update(remarks=[remark])
        now_reads(monkeypatch, [with_text(page, "Autre. " * 50) for page in pages_of(old)])
        assert reread_document(old)
        assert old.pages.get(number=1).remarks == [remark]

    def test_a_file_that_has_lost_all_text_stays_as_it_was(
        self, old: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now_reads(monkeypatch, [PageText(1, "")])
        texts = list(old.pages.values_list("number", "text"))
        assert not reread_document(old)
        assert list(old.pages.values_list("number", "text")) == texts

    def test_recognised_text_is_kept(self, old: Document, monkeypatch: pytest.MonkeyPatch) -> None:
        scan = old.pages.get(number=2)
        scan.read_by, scan.doubt, scan.words = "tesseract", "no_text", [["air", 0, 0, 1, 1]]
        scan.save()
        first, second, third = pages_of(old)
        now_reads(
            monkeypatch,
            [with_text(first, "Autre texte lu. " * 30), PageText(2, "", doubt="no_text"), third],
        )
        assert reread_document(old)
        scan.refresh_from_db()
        assert (scan.text, scan.read_by) == (second.text, "tesseract")
        assert scan.words == [["air", 0, 0, 1, 1]]

    def test_killed_before_the_end_it_begins_again(
        self, old: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now_reads(monkeypatch, [with_text(page, page.text + " Fin.") for page in pages_of(old)])
        before = list(old.pages.values_list("text", flat=True))

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as inner:
            inner.setattr(reread, "record_event", die)
            with pytest.raises(KeyboardInterrupt):
                reread_document(old)
        assert list(old.pages.values_list("text", flat=True)) == before
        assert reread_document(old)
        assert old.pages.filter(text__endswith="Fin.").count() == len(before)

    def test_it_waits_while_all_is_paused_and_is_looked_for_every_minute(
        self, old: Document, contributor: User
    ) -> None:
        pause_queue(contributor)
        reread_sources()
        run_queue()
        assert outdated_documents().exists()
        call_command("migrate", verbosity=0)
        assert Schedule.objects.filter(func=REREAD).count() == 1

    def test_a_restarted_source_is_left_alone(
        self, old: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now_reads(monkeypatch, [with_text(page, "Autre. " * 50) for page in pages_of(old)])
        Document.objects.filter(pk=old.pk).update(state=Document.State.EXTRACTING)
        assert not reread_document(old)
        old.refresh_from_db()
        assert old.reader_version == 0


@pytest.fixture
def sheet(old: Document, contributor: User) -> Sheet:
    """A sheet written from the source, then edited with three quotes of it."""
    kind = SheetType.objects.get(key="solution")
    sheet = request_sheet(kind, "Air comprimé", [old], contributor)
    run_queue()
    sheet.refresh_from_db()
    return sheet


class TestCiting:
    def quote(self, document: Document, number: int) -> str:
        text = document.pages.get(number=number).text
        return " ".join(text.split()[:8])

    def cite(self, sheet: Sheet, document: Document, user: User) -> None:
        """Save a text that quotes each of the three pages."""
        quotes = {n: self.quote(document, n) for n in (1, 2, 3)}
        notes = [write_note(str(n), document.title, document.pk, n, q) for n, q in quotes.items()]
        lines = [f"- {quote}[^{n}]" for n, quote in quotes.items()]
        save_revision(
            sheet,
            base=sheet.current,
            body="\n".join(["## Impacts attendus", "", *lines, "", *notes]),
            metadata={},
            origin="human",
            author=user,
        )
        sheet.refresh_from_db()

    def levels(self, sheet: Sheet) -> dict[str, tuple[str, list[str]]]:
        assert sheet.current is not None
        return {
            c.marker: (c.level, [code for code, _ in c.reasons])
            for c in sheet.current.citations.all()
        }

    def test_citations_are_anchored_anew_and_lost_ones_named(
        self,
        sheet: Sheet,
        old: Document,
        monkeypatch: pytest.MonkeyPatch,
        administrator: User,
        client: Client,
    ) -> None:
        client.force_login(administrator)
        self.cite(sheet, old, administrator)
        assert "not_found" not in {level for level, _ in self.levels(sheet).values()}
        run_queue()
        body = sheet.current.body  # type: ignore[union-attr]
        first, second, third = pages_of(old)
        now_reads(
            monkeypatch,
            [
                first,
                with_text(second, "Ce texte a disparu de la page. " * 20),
                replace(with_text(third, "Une page de plus. " * 60), number=3),
                replace(third, number=4),
            ],
        )
        assert read_again() == 1
        run_queue()
        sheet.refresh_from_db()
        found = self.levels(sheet)
        assert found["1"][0] != "not_found"
        assert found["2"] == ("not_found", ["quote_not_found"])
        assert found["3"][0] == "fragile"
        assert "quote_moved" in found["3"][1]
        assert sheet.current.body == body  # type: ignore[union-attr]
        moved = Citation.objects.get(revision=sheet.current, marker="3")
        assert moved.chunk is not None
        assert moved.chunk.page_start == 4
        lines = [line.text for line in event_lines(old.job)]
        assert any("ne se retrouvent plus" in line and "Air comprimé" in line for line in lines)
        reanchor_source(old.pk)
        assert sum("ne se retrouvent plus" in line.text for line in event_lines(old.job)) == 1
        (lost,) = list_lost_citations(administrator)
        assert (lost.count, lost.sheet, lost.document) == (1, "Air comprimé", old)
        page = client.get("/activite/").content.decode()
        assert "1 citation ne se retrouve plus dans" in " ".join(page.split())
        self.cite(sheet, old, administrator)  # somebody has mended the sheet
        assert list_lost_citations(administrator) == []

    def test_sections_written_from_what_is_gone_become_stale(
        self, sheet: Sheet, old: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert sheet.stale_reasons == []
        now_reads(
            monkeypatch, [with_text(p, f"Tout autre {p.number}. " * 40) for p in pages_of(old)]
        )
        Document.objects.update(reader_version=0)
        assert read_again() == 1
        run_queue()
        sheet.refresh_from_db()
        assert [reason["code"] for reason in sheet.stale_reasons] == ["document_reread"]
        number = sheet.current.number  # type: ignore[union-attr]
        assert number == 1  # nothing was written again by itself

    def test_only_sections_with_lost_passages_are_marked(self) -> None:
        facts = {"documents": {"1": "Guide"}, "model": "m", "prompt": "1", "template": "a"}
        written = {"resume": facts | {"passages": [1, 2]}, "impacts": facts | {"passages": [3]}}
        marked = mark_reread(written, "1", "Guide", {2})
        now = CurrentInputs({"1": "Guide"}, {"1"}, {}, {"resume": "a", "impacts": "a"}, "m", "1")
        report = compare_inputs(marked, now)
        assert report.sections == {"resume": ["document_reread"]}
        assert compare_inputs(marked, replace(now, attached=set(), documents={})).sections != {}
