"""OCR of pages without text, and descriptions of figures: once, within limits, marked as such."""

import io
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ingestion.anchors.page_images import page_image_of
from ingestion.models import CachedOcrResult, Chunk, Document
from ingestion.ocr.engines.vision_model import NOTHING
from ingestion.ocr.recognise import count_unrecognised
from ingestion.pipeline.run import (
    accept_upload,
    remove_document,
    request_recognition,
)
from ingestion.readers import Rect
from sheets.models.spending import Spending
from tests.conftest import job_of, let_go_on, run_job, run_queue, upload
from tests.fake_ai import IMAGE_TOKENS, VISION_MODEL, FakeAI, Fault
from tests.ingestion import office
from wikico2.models import User

TRANSCRIPT = """# Chaleur fatale

Le compresseur rejette 90 % de son énergie.

| Poste | kWh |
| --- | --- |
| Four | 120 |
"""
DESCRIPTION = "Un histogramme des consommations : four 120 MWh, séchoir 45 MWh."


def picture_pdf(*pages: tuple[str, str]) -> bytes:
    """Return a PDF of pages with a picture of a colour over a text; either may be empty."""
    output = io.BytesIO()
    canvas = Canvas(output, invariant=True)
    for colour, text in pages:
        if colour:
            image = ImageReader(io.BytesIO(office.png(600, 400, colour)))
            canvas.drawImage(image, 60, 400, 420, 280)
        if text:
            canvas.drawString(60, 360, text)
        canvas.showPage()
    canvas.save()
    return output.getvalue()


@pytest.fixture
def seeing(settings: Settings, fake_ai: FakeAI) -> FakeAI:
    settings.VISION_BACKEND = "openai"
    settings.VISION_PRICE_IN = 1.0
    fake_ai.sees = lambda data, prompt: TRANSCRIPT if "Transcris" in prompt else DESCRIPTION
    return fake_ai


@pytest.fixture
def take_in(db: None) -> Callable[[bytes], Document]:
    def take(content: bytes) -> Document:
        document = accept_upload(upload(content), None)
        run_queue()
        document.refresh_from_db()
        return document

    return take


class TestScannedPages:
    def test_are_read_marked_and_found(
        self, seeing: FakeAI, take_in: Callable[[bytes], Document], client: Client
    ) -> None:
        document = take_in(picture_pdf(("navy", "")))
        assert document.is_ready, document.error
        page = document.pages.get()
        assert (page.doubt, page.read_by) == ("no_text", VISION_MODEL)
        assert [block["kind"] for block in page.blocks] == ["heading", "paragraph", "table"]
        assert {block["by"] for block in page.blocks} == {VISION_MODEL}
        assert "| Four | 120 |" in document.chunks.get(kind=Chunk.Kind.TABLE).text
        shown = client.get(reverse("page", args=[document.pk, 1])).content.decode()
        assert VISION_MODEL in shown

    def test_are_paid_for_once(
        self, seeing: FakeAI, take_in: Callable[[bytes], Document], contributor: User
    ) -> None:
        content = picture_pdf(("navy", ""))
        first = take_in(content)
        assert Spending.objects.get().tokens_in > IMAGE_TOKENS
        assert Spending.objects.get().cost > 0
        remove_document(first)
        run_queue()
        again = take_in(content)
        assert again.is_ready
        assert len(seeing.pictures) == 1
        assert Spending.objects.get().calls == 1

    def test_beyond_the_limit_stay_unread_and_say_so(
        self,
        seeing: FakeAI,
        settings: Settings,
        take_in: Callable[[bytes], Document],
        client: Client,
    ) -> None:
        settings.VISION_MAX_IMAGES = 1
        document = take_in(picture_pdf(("navy", ""), ("maroon", ""), ("", "")))
        assert len(seeing.pictures) == 1
        unread = document.pages.get(number=2)
        assert (unread.read_by, unread.unread) == ("", "too_many_pictures")
        assert unread.why_unread in client.get(unread.get_absolute_url()).content.decode()
        assert document.pages.get(number=3).unread == ""  # nothing is on a blank page

    def test_wait_for_a_service_that_is_away(
        self, seeing: FakeAI, settings: Settings, take_in: Callable[[bytes], Document]
    ) -> None:
        settings.AI_RETRIES = 0
        seeing.fail(Fault("status", 503))
        document = take_in(picture_pdf(("navy", "")))
        assert document.state == Document.State.EXTRACTING
        assert job_of(document).error_code == "service_unreachable"
        let_go_on()
        run_job(document)
        run_queue()
        document.refresh_from_db()
        assert document.is_ready, document.error

    def test_of_a_model_that_refuses_pictures_say_so(
        self, seeing: FakeAI, take_in: Callable[[bytes], Document]
    ) -> None:
        seeing.fail(Fault("status", 400, message="no images"), Fault("status", 400))
        document = take_in(picture_pdf(("navy", ""), ("", "Une page qui a du texte à elle.")))
        assert document.is_ready, document.error
        assert document.pages.get(number=1).unread == "service_refused"

    def test_on_which_nothing_is_seen_do_not_ask_for_a_reader_that_is_there(
        self, seeing: FakeAI, take_in: Callable[[bytes], Document]
    ) -> None:
        seeing.sees = lambda data, prompt: NOTHING
        document = take_in(picture_pdf(("navy", "")))
        assert (document.state, document.error_code) == (Document.State.FAILED, "nothing_seen")
        assert VISION_MODEL in document.error
        assert not document.may_help_to_retry

    def test_beyond_the_limit_are_not_said_to_be_seen(
        self, seeing: FakeAI, settings: Settings, take_in: Callable[[bytes], Document]
    ) -> None:
        settings.VISION_MAX_IMAGES = 0
        assert take_in(picture_pdf(("navy", ""))).error_code == "no_text"

    def test_without_any_reader_fail_with_a_way_on(
        self, take_in: Callable[[bytes], Document], client: Client
    ) -> None:
        document = take_in(picture_pdf(("navy", "")))
        assert (document.state, document.error_code) == (Document.State.FAILED, "no_text")
        page = document.pages.get()
        assert page.unread == "no_seer"
        html = client.get(page.get_absolute_url()).content.decode()
        assert "La lecture des images n’est pas activée." in html
        assert "Demandez à l’administrateur" in html

    def test_that_show_nothing_to_read_are_not_asked_about_again(
        self, seeing: FakeAI, take_in: Callable[[bytes], Document]
    ) -> None:
        seeing.sees = lambda data, prompt: "AUCUN TEXTE"
        document = take_in(picture_pdf(("navy", ""), ("", "Une page qui a du texte à elle.")))
        assert document.is_ready, document.error
        page = document.pages.get(number=1)
        assert (page.text, page.read_by) == ("", VISION_MODEL)
        assert CachedOcrResult.objects.get().text == ""


class TestLater:
    """Pictures of a source that was read before anything could look at them."""

    def test_the_button_has_them_read_once(
        self,
        settings: Settings,
        fake_ai: FakeAI,
        take_in: Callable[[bytes], Document],
        client: Client,
        contributor: User,
    ) -> None:
        document = take_in(picture_pdf(("navy", ""), ("olive", "Figure 1 : les fours.")))
        assert document.is_ready
        client.force_login(contributor)
        page, button = document.get_absolute_url(), f"/sources/{document.pk}/images/"
        assert button not in client.get(page).content.decode()  # there is nothing to read them
        self.see(settings, fake_ai)
        assert button in client.get(page).content.decode()
        before = {chunk.text for chunk in document.chunks.all()}
        assert client.post(button).status_code == 302
        run_queue()
        document.refresh_from_db()
        assert document.is_ready
        assert document.pages.get(number=1).read_by == VISION_MODEL
        texts = {chunk.text for chunk in document.chunks.all()}
        assert any("séchoir" in text for text in texts - before)
        assert len(fake_ai.pictures) == 2
        assert button not in client.get(page).content.decode()
        client.post(button)
        assert run_queue() == 0

    def test_a_scan_that_failed_becomes_readable(
        self,
        settings: Settings,
        fake_ai: FakeAI,
        take_in: Callable[[bytes], Document],
        client: Client,
        contributor: User,
    ) -> None:
        document = take_in(picture_pdf(("navy", "")))
        assert document.error_code == "no_text"
        self.see(settings, fake_ai)
        client.force_login(contributor)
        client.post(f"/sources/{document.pk}/images/")
        run_queue()
        document.refresh_from_db()
        assert document.is_ready

    def test_the_limit_holds_for_all_tries_together(
        self, seeing: FakeAI, take_in: Callable[[bytes], Document], settings: Settings
    ) -> None:
        settings.VISION_MAX_IMAGES = 1
        document = take_in(picture_pdf(("navy", ""), ("olive", "")))
        assert count_unrecognised(document) == 0
        assert request_recognition(document)
        run_queue()
        assert len(seeing.pictures) == 1
        settings.VISION_MAX_IMAGES = 5
        assert count_unrecognised(document) == 1

    def test_readers_are_not_offered_it(
        self, seeing: FakeAI, document: Document, client: Client
    ) -> None:
        address = f"/sources/{document.pk}/images/"
        assert client.post(address).status_code == 302
        document.refresh_from_db()
        assert document.is_ready

    def see(self, settings: Settings, fake_ai: FakeAI) -> None:
        settings.VISION_BACKEND = "openai"
        fake_ai.sees = lambda data, prompt: TRANSCRIPT if "Transcris" in prompt else DESCRIPTION


class TestFigures:
    def test_are_described_in_their_place(
        self, seeing: FakeAI, take_in: Callable[[bytes], Document]
    ) -> None:
        document = take_in(picture_pdf(("navy", "Figure 1 : Consommations par poste")))
        page = document.pages.get()
        assert [block["kind"] for block in page.blocks] == ["figure", "caption"]
        assert page.blocks[0]["text"] == DESCRIPTION
        assert page.blocks[0]["by"] == VISION_MODEL
        assert page.read_by == ""
        figure = document.chunks.get(kind=Chunk.Kind.FIGURE)
        assert DESCRIPTION in figure.text
        prompt = seeing.requests[0].body["messages"][0]["content"][0]["text"]
        assert "Consommations par poste" in prompt

    def test_that_come_back_are_skipped_or_described_once(
        self, seeing: FakeAI, take_in: Callable[[bytes], Document]
    ) -> None:
        logo = [("green", f"Page numéro {number} du rapport") for number in range(3)]
        twice = [("red", "Une figure"), ("red", "La même figure")]
        document = take_in(picture_pdf(*logo, *twice))
        assert len(seeing.pictures) == 1
        texts = document.pages.order_by("number").values_list("text", flat=True)
        assert [DESCRIPTION in text for text in texts] == [False, False, False, True, True]

    def test_of_a_word_document_are_shown_beside_their_description(
        self,
        seeing: FakeAI,
        take_in: Callable[[bytes], Document],
        tmp_path: Path,
        client: Client,
    ) -> None:
        document = take_in(office.word(tmp_path / "a.docx").read_bytes())
        assert document.is_ready, document.error
        page = client.get(reverse("page", args=[document.pk, 1]) + "?q=histogramme")
        index = next(i for i, b in enumerate(document.pages.get(number=1).blocks) if b.get("by"))
        address = reverse("page_figure", args=[document.pk, 1, index])
        assert address in page.content.decode()
        assert "<mark>histogramme</mark>" in page.content.decode()
        image = client.get(address)
        assert (image.status_code, image["Content-Type"]) == (200, "image/webp")
        assert client.get(reverse("page_figure", args=[document.pk, 1, 0])).status_code == 404


def test_tesseract_reads_french_where_it_is_the_reader(
    settings: Settings,
    take_in: Callable[[bytes], Document],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.VISION_BACKEND = "tesseract"
    program = tmp_path / "tesseract"
    (tmp_path / "table.tsv").write_text(tesseract_table())
    program.write_text(f"#!/bin/sh\n[ \"$3 $4\" = '-l fra' ] || exit 1\ncat {tmp_path}/table.tsv\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    document = take_in(picture_pdf(("navy", "")))
    assert document.is_ready, document.error
    page = document.pages.get()
    assert (page.text, page.read_by) == ("La consommation du four", "tesseract fra")
    assert page.words[1] == ["consom-", 0.3, 0.1, 0.5, 0.12]
    drawing = page_image_of(document, 1)
    assert drawing.highlight(["la consommation du four"], page.words) == [
        Rect(0.1, 0.1, 0.5, 0.12),
        Rect(0.1, 0.15, 0.6, 0.17),
    ]
    assert drawing.highlight(["autre chose que cela"], page.words) == []


def tesseract_table() -> str:
    """Return what Tesseract writes of a page of 1,000 on 2,000 pixels: a paragraph, and dirt."""
    names = "level page_num block_num par_num line_num word_num left top width height conf text"
    rows = [
        ("1", "1", "0", "0", "0", "0", 0, 0, 1000, 2000, -1, ""),
        ("5", "1", "1", "1", "1", "1", 100, 200, 100, 40, 96, "La"),
        ("5", "1", "1", "1", "1", "2", 300, 200, 200, 40, 95, "consom-"),
        ("5", "1", "1", "1", "2", "1", 100, 300, 200, 40, 95, "mation"),
        ("5", "1", "1", "1", "2", "2", 350, 300, 50, 40, 95, "du"),
        ("5", "1", "1", "1", "2", "3", 450, 300, 150, 40, 95, "four"),
        ("5", "1", "2", "1", "1", "1", 100, 900, 80, 40, 10, "|_"),
        ("5", "1", "2", "1", "1", "2", 200, 900, 80, 40, 10, '"~'),
    ]
    return "\n".join("\t".join(map(str, row)) for row in [names.split(), *rows]) + "\n"
