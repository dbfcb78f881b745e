"""Describing sources: what is found in them, what people put right, versions and doubles."""

from pathlib import Path

import pytest
from django.contrib.postgres.search import SearchQuery
from django.test import Client
from django.utils.html import escape
from django_q.models import OrmQ

from ingestion.intake import dates, metadata
from ingestion.intake.near_duplicates import (
    compute_signature,
    estimate_containment,
    estimate_jaccard,
    find_near_duplicates,
)
from ingestion.models import Chunk, Document, MinHash, SourceImport
from ingestion.pipeline import edit_details as describe
from ingestion.pipeline.run import accept_upload, remove_document
from ingestion.readers import DocumentInfo
from ingestion.readers.pdf.xmp import read_xmp
from sheets.models import Sheet, SheetType
from sheets.staleness.state import CurrentWriter
from tests.conftest import AIR, LIGHT, STEAM, make_pdf, run_queue, upload
from tests.ingestion.test_zip_archive import packed
from wikico2.models import User
from wikico2.text.analyzer import root_of
from wikico2.text.normalize import fold_text

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Chaleur fatale</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>A. Un</rdf:li><rdf:li>B. Deux</rdf:li></rdf:Seq></dc:creator>
<dc:publisher><rdf:Bag><rdf:li>ADEME Éditions</rdf:li></rdf:Bag></dc:publisher>
<xmpRights:UsageTerms><rdf:Alt><rdf:li>CC BY-SA 4.0</rdf:li></rdf:Alt></xmpRights:UsageTerms>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.fixture
def someone(client: Client, contributor: User) -> Client:
    client.force_login(contributor)
    return client


def read(*pages: tuple[str, ...], name: str = "rapport.pdf") -> Document:
    document = accept_upload(upload(make_pdf(*pages), name), None)
    run_queue()
    document.refresh_from_db()
    return document


def titles_found(words: str) -> set[str]:
    """Return the titles of the sources that are found by these words."""
    found = Chunk.objects.filter(search=SearchQuery(root_of(fold_text(words)), config="simple"))
    return set(found.values_list("document__title", flat=True))


class TestDates:
    @pytest.mark.parametrize(
        ("text", "date"),
        [
            ("2021", "2021"),
            ("mars 2021", "2021-03"),
            ("Février 2021", "2021-02"),
            ("1er août 2019", "2019-08-01"),
            ("12/03/2021", "2021-03-12"),
            ("12.03.2021", "2021-03-12"),
            ("03/2021", "2021-03"),
            ("2021-03-12", "2021-03-12"),
            ("2021-03", "2021-03"),
            ("March 12, 2021", "2021-03-12"),
            ("12 Sept. 2021", "2021-09-12"),
            ("31/02/2021", ""),
            ("13/2021", ""),
            ("hier", ""),
            ("1850", ""),
            ("2021 kWh", ""),
        ],
    )
    def test_as_people_write_them(self, text: str, date: str) -> None:
        assert dates.parse_date(text) == date

    def test_what_is_shown_is_read_again(self) -> None:
        for value in ("2021", "2021-03", "2021-03-12"):
            assert dates.parse_date(dates.format_date(value)) == value

    def test_the_most_exact_in_a_text(self) -> None:
        assert dates.find_date("Édition 2019, mise à jour le 3 mai 2021") == "2021-05-03"
        assert dates.find_date("12 345 2021-2023, n° 20210") == ""


class TestFinding:
    def test_what_the_first_page_says(self) -> None:
        page = "Guide de la chaleur\n\nMars 2021\n\nÉditeur : Agence du climat\n\nCC BY-SA 4.0"
        found = metadata.find_metadata(DocumentInfo(3, language="fr"), [page])
        assert (found.published, found.publisher) == ("2021-03", "Agence du climat")
        assert (found.licence, found.language) == ("CC BY-SA 4.0", "fr")

    @pytest.mark.parametrize(
        ("page", "publisher", "published"),
        [
            ("© ADEME Éditions, 2019", "ADEME Éditions", "2019"),
            ("© 2020 Cerema. Tous droits réservés", "Cerema", "2020"),
            ("Publié le 12 mars 2021", "", "2021-03-12"),
            ("Dépôt légal : octobre 2018", "", "2018-10"),
            ("INRS", "INRS", ""),
            ("© Tous droits réservés", "", ""),
            ("Une étude publiée en 2016 par l’ADEME montre que la chaleur se perd.", "", ""),
            ("L’objectif de 2030 est loin, et la consommation de 2019 fut de 12 GWh.", "", ""),
        ],
    )
    def test_in_so_many_words(self, page: str, publisher: str, published: str) -> None:
        found = metadata.find_metadata(DocumentInfo(1), [page])
        assert (found.publisher, found.published) == (publisher, published)

    def test_the_files_own_word_comes_first(self) -> None:
        info = DocumentInfo(1, author=" A.  Un ", publisher="CETIAT", created="2020-05-17")
        found = metadata.find_metadata(info, ["Éditeur : Autre"])
        assert (found.author, found.publisher, found.published) == ("A. Un", "CETIAT", "2020-05")
        assert metadata.find_metadata(DocumentInfo(1, created="2000-01-01"), []).published == ""

    def test_xmp(self, tmp_path: Path) -> None:
        path = tmp_path / "a.pdf"
        picture = XMP.replace("Chaleur fatale", "Photo")
        stream = "\n4 0 obj << /Type /Metadata /Subtype /XML >> stream\n"
        path.write_text(f"%PDF-1.7{stream}{XMP}\nendstream {'x' * 500} stream {picture} %%EOF")
        assert read_xmp(str(path)) == {
            "title": "Chaleur fatale",
            "author": "A. Un, B. Deux",
            "publisher": "ADEME Éditions",
            "licence": "CC BY-SA 4.0",
        }
        for damaged in (XMP[:-30], "<x:xmpmeta></x:xmpmeta>", ""):
            path.write_text(f"{stream}{damaged}")
            assert read_xmp(str(path)) == {}

    def test_reading_fills_in_what_nobody_has_written(self, db: None) -> None:
        cover = ("# Guide de la chaleur", "mars 2021", "# © Agence du climat")
        document = accept_upload(upload(make_pdf(cover, AIR)), None)
        Document.objects.filter(pk=document.pk).update(by_hand=["publisher"])
        run_queue()
        document.refresh_from_db()
        assert (document.publisher, document.published) == ("", "2021-03")
        assert document.language == "fr"


class TestDescribing:
    def test_a_person_has_the_last_word(self, someone: Client, document: Document) -> None:
        address = f"/sources/{document.pk}/modifier/"
        form = someone.get(address).context["form"]
        data = {name: form[name].value() or "" for name in form.fields}
        data |= {
            "title": "  Le guide   bleu ",
            "publisher": "ADEME",
            "published": "mars 2021",
            "language": "en",
            "origin": "ademe.fr/guide.pdf",
            "licence": "Licence ouverte 2.0",
        }
        assert someone.post(address, data)["Location"] == document.get_absolute_url()
        document.refresh_from_db()
        assert document.title == "Le guide bleu"
        assert (document.published, document.language) == ("2021-03", "en")
        assert document.origin == "https://ademe.fr/guide.pdf"
        assert set(document.by_hand) == {
            "language",
            "licence",
            "origin",
            "published",
            "publisher",
            "title",
        }
        page = someone.get(document.get_absolute_url()).content.decode()
        for shown in ("Le guide bleu", "mars 2021", "Licence ouverte 2.0", "ademe.fr"):
            assert shown in page
        metadata.save_metadata(document.pk, DocumentInfo(3, title="Autre titre", language="fr"))
        document.refresh_from_db()
        assert (document.title, document.language) == ("Le guide bleu", "en")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("title", " "),
            ("published", "hier"),
            ("origin", "javascript:alert(1)"),
            ("supersedes", "999999"),
            ("supersedes", "n'importe quoi"),
            ("language", "xx"),
        ],
    )
    def test_nonsense_is_said_beside_its_field(
        self, someone: Client, document: Document, field: str, value: str
    ) -> None:
        address = f"/sources/{document.pk}/modifier/"
        form = someone.get(address).context["form"]
        data = {name: form[name].value() or "" for name in form.fields} | {field: value}
        response = someone.post(address, data)
        assert response.status_code == 422
        assert list(response.context["form"].errors) == [field]
        title = document.title
        document.refresh_from_db()
        assert (document.title, document.by_hand) == (title, [])

    def test_a_new_title_is_found_at_once(self, document: Document) -> None:
        assert not titles_found("zéolithe")
        document.title = "Guide de la zéolithe"
        describe.save_description(document, ["title"])
        assert titles_found("zéolithe") == {"Guide de la zéolithe"}
        assert not OrmQ.objects.exists()

    def test_in_the_queue_when_it_is_long(
        self, document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(describe, "MAX_REFRESHED_IN_REQUEST", 0)
        document.title = "Guide de la zéolithe"
        describe.save_description(document, ["title"])
        assert not titles_found("zéolithe")
        run_queue()
        assert titles_found("zéolithe") == {"Guide de la zéolithe"}

    def test_passages_cut_after_a_renaming_have_the_new_title(
        self, waiting_document: Document
    ) -> None:
        waiting_document.title = "Guide de la zéolithe"
        describe.save_description(waiting_document, ["title"])
        run_queue()
        assert titles_found("zéolithe") == {"Guide de la zéolithe"}

    def test_needs_the_right(self, client: Client, document: Document) -> None:
        for verb in ("modifier", "version", "copier"):
            address = f"/sources/{document.pk}/{verb}/"
            assert client.post(address, {"title": "x"}).status_code == 302
        client.force_login(User.objects.create_user("lecteur"))
        for verb in ("modifier", "version", "copier"):
            address = f"/sources/{document.pk}/{verb}/"
            assert client.post(address, {"title": "x"}).status_code == 403
        assert Document.objects.count() == 1


class TestAlike:
    LONG = tuple(
        f"Le poste {n} consomme {n * 7} kWh par an et rejette {n * 3} kg de gaz carbonique, dont la"
        f" part numéro {n} se récupère sur un échangeur à plaques de {n} mètres carrés."
        for n in range(40)
    )

    def test_the_share_that_texts_have_in_common(self) -> None:
        whole = compute_signature(self.LONG)
        half = compute_signature(self.LONG[:20])
        other = compute_signature([" ".join(reversed(" ".join(self.LONG).split()))])
        assert estimate_jaccard(whole, whole) == 1
        assert 0.4 < estimate_jaccard(whole, half) < 0.6
        assert estimate_containment(whole, half) > 0.9
        assert estimate_jaccard(whole, other) < 0.05
        assert (
            estimate_jaccard(compute_signature([]), whole)
            == estimate_containment(compute_signature([]), whole)
            == 0
        )

    def test_a_near_double_is_said_on_both_pages_and_when_reading_ends(
        self, someone: Client, document: Document
    ) -> None:
        old = read(AIR, self.LONG, name="ancien.pdf")
        new = read(STEAM, self.LONG, name="nouveau.pdf")
        for one, other in ((new, old), (old, new)):
            found = find_near_duplicates(one, Document.objects.all())
            assert [like.document for like in found] == [other]
            assert 70 < found[0].percent <= 100
            for address in (one.get_absolute_url(), f"/sources/{one.pk}/progression/"):
                html = someone.get(address).content.decode()
                assert f'href="{other.get_absolute_url()}"' in html
                assert f"/sources/{one.pk}/version/" in html
        assert not find_near_duplicates(document, Document.objects.all())

    def test_short_texts_are_like_none(self, db: None) -> None:
        read(("Page blanche.",))
        assert not MinHash.objects.exists()


class TestVersions:
    def test_a_new_version_makes_the_sheets_of_the_old_stale(
        self, someone: Client, document: Document
    ) -> None:
        sheet = stands_on(document)
        address = f"/sources/ajouter/?version={document.pk}"
        assert escape(document.title) in someone.get(address).content.decode()
        new_file = upload(make_pdf(AIR, LIGHT, title="Guide 2025"))
        someone.post("/sources/ajouter/", {"uploads": new_file, "version": document.pk})
        new = Document.objects.exclude(pk=document.pk).get()
        assert new.supersedes == document
        sheet.refresh_from_db()
        assert not sheet.stale_reasons
        run_queue()
        sheet.refresh_from_db()
        assert [r["code"] for r in sheet.stale_reasons] == ["document_replaced"]
        assert sheet.stale_reasons[0]["by"] == str(new.pk)
        for one, other in ((document, new), (new, document)):
            page = someone.get(one.get_absolute_url()).content.decode()
            assert f'href="{other.get_absolute_url()}"' in page

    def test_said_and_unsaid_of_sources_that_are_there(
        self, someone: Client, document: Document
    ) -> None:
        sheet = stands_on(document)
        new = read(AIR, LIGHT, name="nouveau.pdf")
        someone.post(f"/sources/{new.pk}/version/", {"of": document.pk})
        sheet.refresh_from_db()
        assert [r["code"] for r in sheet.stale_reasons] == ["document_replaced"]
        someone.post(f"/sources/{new.pk}/version/")
        sheet.refresh_from_db()
        assert not sheet.stale_reasons

    def test_a_removed_version_replaces_nothing(self, document: Document) -> None:
        sheet = stands_on(document)
        new = read(AIR, LIGHT, name="nouveau.pdf")
        new.supersedes = document
        describe.save_description(new, ["supersedes"])
        sheet.refresh_from_db()
        assert sheet.stale_reasons
        remove_document(new)
        sheet.refresh_from_db()
        assert not sheet.stale_reasons

    def test_nothing_replaces_itself(self, someone: Client, document: Document) -> None:
        second = read(AIR, name="deux.pdf")
        third = read(LIGHT, name="trois.pdf")
        for new, old in ((second, document), (third, second)):
            someone.post(f"/sources/{new.pk}/version/", {"of": old.pk})
        for old in (document, third):
            someone.post(f"/sources/{document.pk}/version/", {"of": old.pk})
        document.refresh_from_db()
        assert document.supersedes is None
        assert document.later_versions() == {second.pk, third.pk}

    def test_several_files_cannot_be_one_new_version(
        self, someone: Client, document: Document
    ) -> None:
        add, version = "/sources/ajouter/", {"version": document.pk}
        archive = upload(packed({"a.pdf": make_pdf(AIR)}).getvalue(), "a.zip")
        assert someone.post(add, {"uploads": archive, **version}).status_code == 200
        addresses = {"addresses": "https://a.example/1 https://a.example/2", **version}
        assert someone.post(f"{add}adresses/", addresses).status_code == 422
        assert not SourceImport.objects.exists()
        files = [upload(make_pdf(AIR), "a.pdf"), upload(make_pdf(LIGHT), "b.pdf")]
        response = someone.post("/sources/ajouter/", {"uploads": files, "version": document.pk})
        assert response.status_code == 422
        assert Document.objects.count() == 1


def stands_on(document: Document) -> Sheet:
    """Return a sheet that was written from a source, and is fresh."""
    kind = SheetType.objects.get(key="solution")
    writing = CurrentWriter.of(kind)
    known = {"documents": {str(document.pk): document.title}, "passages": []}
    sheet = Sheet.objects.create(
        sheet_type=kind,
        title="Chaleur fatale",
        slug="chaleur-fatale",
        written_from={
            key: {**known, "template": asked, "model": writing.model, "prompt": writing.prompt}
            for key, asked in writing.template.items()
        },
    )
    sheet.documents.add(document)
    sheet.refresh_from_db()
    assert not sheet.stale_reasons
    return sheet
