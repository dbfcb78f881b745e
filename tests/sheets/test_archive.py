"""Export and import: a round trip on every field, into an empty wiki and into a filled one."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from ingestion.accept import accept as accept_source
from ingestion.models import Document
from sheets.edit import save_edit, version_of
from sheets.front import BadFront, split_front, with_front
from sheets.merge import Version
from sheets.models import (
    Field,
    Generation,
    Picture,
    Proposal,
    Revision,
    Section,
    SectionLock,
    Sheet,
    SheetType,
)
from sheets.pack import pack
from sheets.pdf import picture_at
from sheets.pictures import keep_picture, markdown_of
from sheets.propose import Start, accept, propose
from sheets.revise import save_revision
from sheets.template import load_template
from sheets.unpack import unpack
from tests.conftest import run_queue
from wikico2.errors import WorkError
from wikico2.models import User

DERIVED = {"written_from", "stale_reasons", "stale_sections"}


def packed(*, sources: bool = True) -> bytes:
    output = io.BytesIO()
    assert pack(output, sources=sources) == []
    return output.getvalue()


def image() -> ContentFile[bytes]:
    output = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(output, "PNG")
    return ContentFile(output.getvalue(), name="schéma.png")


@pytest.fixture
def sheet(document: Document, contributor: User, expert: User) -> Sheet:
    """A sheet with something in every field: generated, edited, proposed, merged, validated."""
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(
        sheet_type=kind, title="Air « comprimé » : récupérer", slug="air", created_by=contributor
    )
    sheet.documents.add(document)
    quote = "Un compresseur d'air transforme plus de 90 % de l'électricité en chaleur."
    note = f"[^1]: [Guide, p. 1](/sources/{document.pk}/pages/1/) « {quote} »"
    body = f"## 🎯 Résumé (10 secondes)\n\n{quote}[^1]\n\n{note}\n"
    run = Generation.objects.create(
        sheet=sheet, backend="openai", model="Mixtral", prompt_version="v3", state="done",
        parameters={"temperature": 0.1}, tokens_in=12, tokens_out=34, cost="0.5", seconds=1.5,
        started_at=timezone.now(), finished_at=timezone.now(),
    )  # fmt: skip
    first = save_revision(
        sheet, base=None, body=body, metadata={"categorie": "Froid[^1]"}, origin="generated",
        generation=run,
    )  # fmt: skip
    picture = keep_picture(image(), contributor)
    edited = Version(
        body.replace("chaleur.[", f"chaleur, dit Claire.\n\n{markdown_of(picture)}[", 1)
    )
    save_edit(sheet, contributor, base=first, text=edited, comment="À : la main", minor=True)
    again = Generation.objects.create(sheet=sheet, backend="local", model="x", state="done")
    sheet.refresh_from_db()
    proposal = propose(
        sheet,
        start=Start(first, None),
        text=Version(body.replace("## 🎯", "Entrée.\n\n## 🎯", 1), {"categorie": "Froid[^1]"}),
        template=load_template(kind),
        generation=again,
    )
    assert sheet.current is not None
    accept(proposal, expert, onto=sheet.current.number, choices={})
    sheet.refresh_from_db()
    propose(
        sheet,
        start=Start(sheet.current, None),
        text=Version("## Autre\n\nUne proposition.\n"),
        template=load_template(kind),
        author=contributor,
    )
    SectionLock.objects.create(sheet=sheet, section="resume", locked_by=expert)
    Sheet.objects.filter(pk=sheet.pk).update(
        state="validated", validated_by=expert, validated_at=timezone.now(),
        validated_revision=sheet.current,
    )  # fmt: skip
    return sheet


def everything() -> dict[str, Any]:
    """Return every field of every row that an archive is to carry, ids written as names."""
    names = {d.pk: d.sha256 for d in Document.objects.all()}
    people = dict(User.objects.values_list("pk", "username"))
    numbers = {r.pk: r.number for r in Revision.objects.all()}
    runs = {g.pk: n for n, g in enumerate(Generation.objects.order_by("pk"))}
    proposals = {p.pk: n for n, p in enumerate(Proposal.objects.order_by("pk"))}
    by_name: dict[str, dict[Any, Any]] = {
        "document": names, "author": people, "created_by": people, "validated_by": people,
        "uploaded_by": people, "locked_by": people, "decided_by": people, "current": numbers,
        "parent": numbers, "second_parent": numbers, "validated_revision": numbers,
        "base": numbers, "accepted_as": numbers, "merged_onto": numbers, "generation": runs,
        "base_proposal": proposals, "revision": numbers,
    }  # fmt: skip

    def said(value: Any) -> Any:
        if isinstance(value, str):
            for pk, sha in names.items():
                value = value.replace(f"/sources/{pk}/", f"/sources/{sha}/")
        return value

    def rows(model: Any, order: str, *without: str) -> list[dict[str, Any]]:
        skipped = {"id", "sheet", "sheet_type", "section", "search", *without}
        kept = [f for f in model._meta.concrete_fields if f.name not in skipped]
        return [
            {
                f.name: by_name[f.name].get(getattr(row, f.attname))
                if f.name in by_name
                else said(getattr(row, f.name))
                for f in kept
            }
            for row in model.objects.order_by(order)
        ]

    lock = [*SectionLock.objects.values_list("sheet__slug", "section")]
    return {
        "sheets": rows(Sheet, "slug", *DERIVED),
        "documents of sheets": sorted(
            (s.slug, d.sha256) for s in Sheet.objects.all() for d in s.documents.all()
        ),
        "revisions": rows(Revision, "number", "rendered"),
        "pages": [
            {k: said(json.dumps(v)) for k, v in r.rendered.items() if k in ("outline", "measures")}
            for r in Revision.objects.order_by("number")
        ],
        "citations": rows(Revision.citations.rel.related_model, "pk", "chunk"),
        "generations": rows(Generation, "pk", "base", "prompt", "requested_by", "attempts"),
        "proposals": rows(
            Proposal, "pk", "written_from", "merged", "merged_onto", "conflicts"  # made anew
        ),
        "locks": [*rows(SectionLock, "pk"), *lock],
        "documents": rows(
            Document, "sha256", "file", "supersedes", "read_at", "pace", "step_started_at",
            "ready_at", "attempts", "lease_token", "lease_until", "done", "total",
        ),
        "pictures": rows(Picture, "name", "file", "created_at", "uploaded_by"),
        "types": rows(SheetType, "key"),
        "sections": sorted(rows(Section, "pk"), key=str),
        "fields": sorted(rows(Field, "pk"), key=str),
    }  # fmt: skip


def empty() -> None:
    """Take everything out of the wiki."""
    Sheet.objects.all().delete()
    Document.objects.all().delete()
    Picture.objects.all().delete()
    SheetType.objects.all().delete()


class TestRoundTrip:
    def test_into_an_empty_wiki_loses_nothing(self, sheet: Sheet, administrator: User) -> None:
        before, archive = everything(), packed()
        run_queue()
        empty()
        User.objects.exclude(pk=administrator.pk).delete()

        report = unpack(io.BytesIO(archive), administrator)
        run_queue()

        assert report.problems == []
        assert report.created == ["air"]
        after = everything()
        for kind, rows in before.items():
            assert after[kind] == rows, kind
        assert packed_texts(packed()) == packed_texts(archive)
        assert not User.objects.get(username="claire").has_usable_password()

    def test_the_same_wiki_gives_the_same_bytes(self, sheet: Sheet) -> None:
        assert packed() == packed()

    def test_sources_of_the_same_content_stay_apart(
        self, sheet: Sheet, document: Document, contributor: User, administrator: User
    ) -> None:
        with document.file.open("rb") as kept:
            copy = ContentFile(kept.read(), name="copie.pdf")
        twin = accept_source(copy, contributor, title="La copie", again=True)
        sheet.documents.add(twin)
        content = packed()
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        assert len(set(names)) == len(names)
        Sheet.objects.all().delete()
        Document.objects.all().delete()

        for _again in range(2):
            report = unpack(io.BytesIO(content), administrator)
            assert report.problems == []
            titles = list(Document.objects.order_by("pk").values_list("title", flat=True))
            assert titles == [document.title, "La copie"]
        assert Sheet.objects.get().documents.count() == 2

    def test_a_second_time_changes_nothing(self, sheet: Sheet, administrator: User) -> None:
        before = everything()

        report = unpack(io.BytesIO(packed()), administrator)

        assert (report.same, report.problems) == (["air"], [])
        assert everything() == before


def packed_texts(archive: bytes) -> dict[str, str]:
    """Return the texts of an archive that do not name what each wiki numbers by itself."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {
            name: opened.read(name).decode()
            for name in opened.namelist()
            if name.startswith(("types/", "images/images"))
        }


class TestFilledWiki:
    def test_what_came_later_is_appended(
        self, sheet: Sheet, contributor: User, administrator: User
    ) -> None:
        earlier = packed()
        sheet.refresh_from_db()
        save_edit(sheet, contributor, base=sheet.current, text=Version("Plus tard.\n"))
        later = packed()
        Sheet.objects.all().delete()
        unpack(io.BytesIO(earlier), administrator)

        report = unpack(io.BytesIO(later), administrator)

        assert report.extended == ["air"]
        current = Sheet.objects.get().current
        assert current is not None
        assert (current.body, current.origin) == ("Plus tard.\n", Revision.Origin.IMPORT)

    def test_where_both_have_gone_on_nothing_is_overwritten(
        self, sheet: Sheet, contributor: User, administrator: User
    ) -> None:
        sheet.refresh_from_db()
        base = sheet.current
        save_edit(sheet, contributor, base=base, text=Version("Là-bas.\n"))
        archive = packed()
        Sheet.objects.all().delete()
        unpack(io.BytesIO(archive), administrator)
        here = Sheet.objects.get()
        # Here the last version says something else.
        other = packed()
        text = edited(other, "fiches/air.md", "Là-bas.", "Modifié dans git.")
        save_edit(here, contributor, base=here.current, text=Version("Ici.\n"))

        report = unpack(io.BytesIO(text), administrator)

        assert report.proposed == ["air"]
        here.refresh_from_db()
        assert here.current is not None
        assert here.current.body == "Ici.\n"
        assert "Modifié dans git." in here.proposals.waiting().latest("pk").body
        assert unpack(io.BytesIO(text), administrator).proposed == ["air"]
        assert here.proposals.waiting().filter(body__contains="git").count() == 1

    def test_a_file_edited_by_hand_is_a_version_more(
        self, sheet: Sheet, administrator: User
    ) -> None:
        archive = edited(packed(), "fiches/air.md", "dit Claire", "dit le fichier")

        assert unpack(io.BytesIO(archive), administrator).extended == ["air"]

        current = Sheet.objects.get().current
        assert current is not None
        assert "dit le fichier" in current.body
        assert current.author == administrator


def edited(archive: bytes, name: str, old: str, new: str) -> bytes:
    """Return the archive with words changed in one of its files."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as was, zipfile.ZipFile(output, "w") as now:
        for entry in was.namelist():
            content = was.read(entry)
            if entry == name:
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode())
            now.writestr(entry, content)
    return output.getvalue()


class TestBadArchives:
    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<html>"])
    def test_what_is_no_archive_is_refused(self, content: bytes, administrator: User) -> None:
        with pytest.raises(WorkError) as caught:
            unpack(io.BytesIO(content), administrator)
        assert caught.value.code == "not_an_archive"

    def test_one_bad_file_does_not_stop_the_rest(self, sheet: Sheet, administrator: User) -> None:
        archive = packed()
        Sheet.objects.all().delete()
        with zipfile.ZipFile(stream := io.BytesIO(archive), "a") as more:
            more.writestr("fiches/autre.md", '---\ntype: "inconnu"\n---\n\nTexte')
            more.writestr("images/0000000000000000-1x1.webp", b"<svg>")
            more.writestr("fiches/../../etc.md", "---\nx")

        report = unpack(stream, administrator)

        assert report.created == ["air"]
        assert len(report.problems) == 2
        assert Sheet.objects.count() == 1

    def test_a_file_that_the_storage_lost_is_told(self, sheet: Sheet) -> None:
        picture = Picture.objects.get()
        picture.file.storage.delete(picture.file.name or "")

        assert pack(io.BytesIO()) == [f"images/{picture.name}"]


class TestFront:
    def test_what_is_written_is_read(self) -> None:
        facts = {
            "title": "A : « b »\n---\n",
            "n": 3,
            "none": None,
            "header": {"a": "1", "b": "x: y"},
        }

        assert split_front(with_front(facts, "Corps\n---\nfin")) == (facts, "Corps\n---\nfin")

    def test_words_without_quotes_are_words(self) -> None:
        assert split_front("---\ntitle: Air comprimé\n---\nx") == ({"title": "Air comprimé"}, "x")

    def test_an_unfinished_head_is_told(self) -> None:
        with pytest.raises(BadFront):
            split_front("---\ntitle: Air")


class TestPdf:
    def test_a_pdf_survives_a_missing_picture(self, sheet: Sheet, client: Client) -> None:
        picture = Picture.objects.get()
        picture.file.storage.delete(picture.file.name or "")
        address = reverse("export_pdf", args=["air"])
        client.get(address)
        run_queue()
        assert client.get(address).content.startswith(b"%PDF")

    def test_nothing_from_elsewhere_is_fetched(self) -> None:
        for address in (
            "http://example.org/a.png",
            "file:///etc/passwd",
            "http://localhost:8000/x",
        ):
            with pytest.raises(ValueError, match=address):
                picture_at(address)


class TestPages:
    def test_what_is_exported_can_be_imported(
        self, sheet: Sheet, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)
        place = client.post(reverse("wiki_pack"))["Location"]
        run_queue()
        answer = client.get(f"{place}wiki.zip")
        content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        assert content == packed()
        upload = ContentFile(content, name="wiki.zip")
        place = client.post(reverse("wiki"), {"archive": upload})["Location"]
        run_queue()
        page = client.get(place).content.decode()
        assert "1 fiche" in page or "1 sheet" in page

    def test_the_commands_do_the_same(
        self, sheet: Sheet, administrator: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "wiki.zip"
        call_command("export_wiki", str(file), "--without-sources")
        Sheet.objects.all().delete()
        call_command("import_wiki", str(file), "--user", "ada")
        assert "1 new" in capsys.readouterr().out
        version = version_of(Sheet.objects.get().current)
        assert "dit Claire" in version.body
