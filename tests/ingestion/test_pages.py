"""Pages as pictures, kept once drawn, and the page that shows one beside its text."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile
from django.test import Client

from ingestion.anchors import page_images
from ingestion.anchors.page_images import THUMBNAIL_WIDTH, WIDTH, delete_page_images, page_image_of
from ingestion.models import Document
from ingestion.readers import Limits, PageImage
from ingestion.readers.api import render_page
from ingestion.readers.media_type import DOCX
from ingestion.templatetags.sources import in_words
from tests.conftest import AIR, make_pdf, run_queue, upload
from wikico2.errors import UserError
from wikico2.models import User

QUOTE = "La récupération fournit de l'eau à 60 °C"


@pytest.fixture(autouse=True)
def _no_memory_of_failures() -> None:
    cache.clear()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pages that were drawn, one entry each time."""
    numbers: list[int] = []
    real = render_page

    def counted(path: Any, kind: str, number: int, limits: Limits, **options: Any) -> PageImage:
        numbers.append(number)
        return real(path, kind, number, limits, **options)

    monkeypatch.setattr(page_images, "render_page", counted)
    return numbers


class TestDrawing:
    def test_is_made_once(self, waiting_document: Document, drawn: list[int]) -> None:
        first = page_image_of(waiting_document, 1)
        again = page_image_of(waiting_document, 1)
        assert drawn == [1]
        assert again.image == first.image
        assert again.chars == first.chars
        assert again.width <= WIDTH

    def test_knows_where_a_quote_stands(self, waiting_document: Document) -> None:
        (rect, *_rest) = page_image_of(waiting_document, 1).highlight([QUOTE])
        assert 0 < rect.x0 < rect.x1 < 1
        assert 0 < rect.y0 < rect.y1 < 1

    def test_that_was_cut_short_is_made_again(
        self, waiting_document: Document, drawn: list[int]
    ) -> None:
        whole = page_image_of(waiting_document, 1).image
        (name,) = default_storage.listdir(page_images._folder(waiting_document))[1]
        path = f"{page_images._folder(waiting_document)}/{name}"
        with default_storage.open(path) as file:
            half = file.read()[:-200]
        default_storage.delete(path)
        default_storage.save(path, ContentFile(half))
        assert page_image_of(waiting_document, 1).image == whole
        assert drawn == [1, 1]

    def test_of_a_source_whose_file_never_came_fails_in_words(
        self, waiting_document: Document
    ) -> None:
        waiting_document.file = ""
        with pytest.raises(UserError) as caught:
            page_image_of(waiting_document, 1)
        assert caught.value.code == "file_missing"

    def test_of_a_lost_file_fails_in_words_and_is_not_tried_again(
        self, waiting_document: Document, drawn: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lose_file(waiting_document)
        with pytest.raises(UserError) as caught:
            page_image_of(waiting_document, 1)
        assert caught.value.code == "file_missing"
        monkeypatch.setattr(page_images, "local_copy", None)
        with pytest.raises(UserError):
            page_image_of(waiting_document, 1)
        assert drawn == []

    def test_survives_the_loss_of_the_file(self, waiting_document: Document) -> None:
        kept = page_image_of(waiting_document, 2).image
        lose_file(waiting_document)
        assert page_image_of(waiting_document, 2).image == kept

    def test_of_a_page_that_does_not_exist_fails_in_words(self, waiting_document: Document) -> None:
        with pytest.raises(UserError) as caught:
            page_image_of(waiting_document, 4)
        assert caught.value.sentence

    def test_is_forgotten_with_its_document(
        self, waiting_document: Document, drawn: list[int]
    ) -> None:
        page_image_of(waiting_document, 1)
        page_image_of(waiting_document, 1, THUMBNAIL_WIDTH)
        delete_page_images(waiting_document)
        delete_page_images(waiting_document)
        assert not default_storage.exists(page_images._folder(waiting_document))
        page_image_of(waiting_document, 1)
        assert drawn == [1, 1, 1]

    def test_needs_no_storage_with_paths(
        self, waiting_document: Document, drawn: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_path(file: FieldFile) -> str:
            raise NotImplementedError  # as storages elsewhere do

        monkeypatch.setattr(FieldFile, "path", property(no_path))
        first = page_image_of(waiting_document, 1)
        assert page_image_of(waiting_document, 1).image == first.image
        assert drawn == [1]


class TestPage:
    def test_marks_the_quote_on_picture_and_text(self, client: Client, document: Document) -> None:
        html = client.get(f"/sources/{document.pk}/pages/1/", {"q": QUOTE}).content.decode()
        assert html.count("<rect") == 1
        assert re.search(r"<mark>La récupération fournit de l(&#x27;|’)eau à 60 °C</mark>", html)
        assert "style=" not in html

    def test_marks_a_passage(self, client: Client, document: Document) -> None:
        passage = document.chunks.order_by("position")[0]
        html = client.get(passage_address(document, passage.pk)).content.decode()
        assert "<rect" in html
        assert "<mark>" in html

    def test_says_when_the_quote_is_not_there(self, client: Client, document: Document) -> None:
        response = client.get(f"/sources/{document.pk}/pages/1/", {"q": "absolument rien de tel"})
        assert "<rect" not in response.content.decode()
        assert not response.context["in_text"]
        assert "absolument rien de tel" in response.content.decode()

    def test_nonsense_marks_nothing(self, client: Client, document: Document) -> None:
        for query in ("citation=x", "citation=999999", "passage=٣", "q=%00"):
            response = client.get(f"/sources/{document.pk}/pages/1/?{query}")
            assert response.status_code == 200
            assert response.context["wanted"].quotes == ()

    def test_a_passage_of_another_source_marks_nothing(
        self, client: Client, document: Document, contributor: User
    ) -> None:
        from ingestion.pipeline.run import accept_upload

        other = accept_upload(upload(make_pdf(AIR), "autre.pdf"), contributor)
        run_queue()
        passage = other.chunks.first()
        assert passage is not None
        response = client.get(passage_address(document, passage.pk))
        assert response.context["wanted"].quotes == ()

    def test_shows_text_without_picture_when_the_file_is_gone(
        self, client: Client, document: Document
    ) -> None:
        lose_file(document)
        response = client.get(f"/sources/{document.pk}/pages/1/", {"q": QUOTE})
        assert response.status_code == 200
        assert response.context["picture"] is None
        assert response.context["problem"]
        assert "<mark>" in response.content.decode()
        assert client.get(f"/sources/{document.pk}/fichier/").status_code == 404
        assert client.get(f"/sources/{document.pk}/pages/1/image/").status_code == 404

    def test_says_that_a_page_has_no_text(self, client: Client, document: Document) -> None:
        blank = document.pages.filter(number=2)
        blank.update(text="", blocks=[], doubt="no_text", unread="no_seer")
        html = client.get(f"/sources/{document.pk}/pages/2/").content.decode()
        assert "OCR" in html

    def test_part_of_a_file_without_pages_is_a_section(
        self, client: Client, document: Document
    ) -> None:
        address = f"/sources/{document.pk}/pages/2/"
        assert "Section 2" not in client.get(address).content.decode()
        Document.objects.filter(pk=document.pk).update(media_type=DOCX)
        assert "Section 2" not in client.get(address).content.decode()
        document.pages.filter(number=2).update(width=0)
        html = client.get(address).content.decode()
        assert "Section 2" in html
        assert "ne fixe pas ses pages" in html

    def test_that_does_not_exist_says_how_many_there_are(
        self, client: Client, document: Document
    ) -> None:
        response = client.get(f"/sources/{document.pk}/pages/4/")
        assert response.status_code == 404
        assert "3" in response.context["reason"]

    def test_asks_few_questions(
        self, client: Client, document: Document, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(6):
            client.get(f"/sources/{document.pk}/pages/1/", {"q": QUOTE})

    def test_text_of_a_source_is_never_markup(self, client: Client, document: Document) -> None:
        text = "<script>alert(1)</script>"
        document.pages.filter(number=1).update(
            text=text, blocks=[{"kind": "paragraph", "level": 0, "text": text}]
        )
        html = client.get(f"/sources/{document.pk}/pages/1/", {"q": text}).content.decode()
        assert text not in html


class TestInternalSource:
    @pytest.fixture(autouse=True)
    def _internal(self, document: Document) -> None:
        Document.objects.filter(pk=document.pk).update(access=Document.Access.INTERNAL)

    @pytest.mark.parametrize("part", ["fichier/", "pages/1/", "pages/1/image/"])
    def test_is_closed_to_readers_without_an_account(
        self, client: Client, document: Document, part: str
    ) -> None:
        response = client.get(f"/sources/{document.pk}/{part}")
        assert response.status_code == 403
        assert "/compte/connexion/?next=" in response.content.decode()
        assert "compresseur" not in response.content.decode()

    def test_shows_them_neither_title_nor_text(self, client: Client, document: Document) -> None:
        html = client.get(f"/sources/{document.pk}/").content.decode()
        assert "Guide de l" not in html
        assert "compresseur" not in html
        assert f"/sources/{document.pk}/pages/1/" not in html

    @pytest.mark.parametrize("part", ["", "fichier/", "pages/1/", "pages/1/image/"])
    def test_is_open_to_accounts(self, document: Document, expert: User, part: str) -> None:
        client = Client()
        client.force_login(expert)
        assert client.get(f"/sources/{document.pk}/{part}").status_code == 200

    def test_rule_is_the_model_s(self, document: Document) -> None:
        document.refresh_from_db()
        assert not document.can_be_read_by(AnonymousUser())


class TestFileAndPicture:
    def test_file_is_sent_inline_as_what_it_is(self, client: Client, document: Document) -> None:
        Document.objects.filter(pk=document.pk).update(filename='..\\é"t<u>de\r\n')
        response = client.get(f"/sources/{document.pk}/fichier/")
        assert response["Content-Type"] == "application/pdf"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Disposition"] == "inline; filename*=utf-8''%C3%A9tude.pdf"
        assert b"".join(response).startswith(b"%PDF-")

    def test_other_formats_are_saved_not_shown(self, client: Client, document: Document) -> None:
        Document.objects.filter(pk=document.pk).update(media_type="text/html", filename="a.html")
        response = client.get(f"/sources/{document.pk}/fichier/")
        assert response["Content-Type"] == "application/octet-stream"
        assert response["Content-Disposition"].startswith("attachment")

    def test_picture_is_asked_for_once(self, client: Client, document: Document) -> None:
        address = f"/sources/{document.pk}/pages/1/image/"
        first = client.get(address)
        assert first["Content-Type"].startswith("image/")
        assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
        assert len(client.get(address, {"size": "small"}).content) < len(first.content)


def lose_file(document: Document) -> None:
    default_storage.delete(str(document.file.name))


def passage_address(document: Document, passage: int) -> str:
    return f"/sources/{document.pk}/pages/1/?passage={passage}"


def test_a_passage_is_shown_without_the_bars_of_its_table() -> None:
    table = "Avant\n| Usage | Part |\n| --- | ---: |\n| Séchage \\| cuisson | 30 % |\n|  | 5 % |"
    assert in_words(table) == "Avant\nUsage · Part\nSéchage | cuisson · 30 %\n5 %"
    assert in_words("Un | texte -- avec des barres") == "Un | texte -- avec des barres"
