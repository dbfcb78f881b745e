"""Export and import: a round trip on every field, into an empty wiki and into a filled one."""

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ
from PIL import Image

from ingestion.intake.upload import accept_upload as accept_source
from ingestion.models import Chunk, Document
from sheets.links.rename import rename_sheet
from sheets.markdown.front_matter import FrontMatterError, add_front_matter, split_front_matter
from sheets.merge import Version
from sheets.models import (
    BulkAction,
    CachedPage,
    Citation,
    Comment,
    Confirmation,
    Digest,
    Discussion,
    DroppedStatement,
    EditDraft,
    FileJob,
    Generation,
    Judgement,
    Link,
    Picture,
    Prompt,
    Proposal,
    Relation,
    Revision,
    RevisionCheck,
    SavedForm,
    SavedView,
    SearchedSection,
    SearchedSheet,
    Section,
    SectionLock,
    SectionRun,
    Sheet,
    SheetEvent,
    SheetRedirect,
    SheetType,
    Spending,
    VocabularyTerm,
    Watch,
)
from sheets.models.schema_loader import load_template
from sheets.proposals.review import ProposalBase, accept_proposal, create_proposal, reject_proposal
from sheets.rendering.images import markdown_of, save_picture
from sheets.revisions.edit import save_edit
from sheets.revisions.save import save_revision
from sheets.revisions.versions import version_of
from sheets.staleness.state import generation_inputs, save_generation_inputs
from sheets.transfer.exporter import export_wiki
from sheets.transfer.id_map import IMPORTED, ImportIdMap
from sheets.transfer.importer import import_wiki
from sheets.transfer.pdf import picture_at
from tests.conftest import LIGHT, STEAM, make_pdf, run_queue, upload
from wikico2.errors import UserError
from wikico2.models import User

ARCHIVES = Path(__file__).parent / "archives"


def packed(*, sources: bool = True) -> bytes:
    output = io.BytesIO()
    assert export_wiki(output, sources=sources) == []
    return output.getvalue()


def image() -> ContentFile[bytes]:
    output = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(output, "PNG")
    return ContentFile(output.getvalue(), name="schéma.png")


@pytest.fixture
def sheet(document: Document, contributor: User, expert: User) -> Sheet:
    """A sheet with something in every field: generated, edited, proposed, merged, validated."""
    kind = filled_type()
    fill_sources(document, expert)
    title = "Air « comprimé » : récupérer"
    sheet = Sheet.objects.create(
        sheet_type=kind, title="Avant", slug="avant", created_by=contributor
    )
    rename_sheet(sheet, title, expert)
    Sheet.objects.filter(pk=sheet.pk).update(slug="air")
    sheet.refresh_from_db()
    sheet.documents.add(document)
    quote = "Un compresseur d'air transforme plus de 90 % de l'électricité en chaleur."
    note = f"[^1]: [Guide, p. 1](/sources/{document.pk}/pages/1/) « {quote} »"
    weak = f"[^2]: [Guide, p. 2](/sources/{document.pk}/pages/2/) « Ce que personne n'a écrit. »"
    body = f"## 🎯 Résumé (10 secondes)\n\n{quote}[^1]\n\nDit-on.[^2]\n\n{note}\n{weak}\n"
    first_run = written(sheet, document, contributor)
    first = save_revision(
        sheet, base=None, body=body, metadata={"categorie": "Froid[^2]"}, origin="generated",
        generation=first_run,
    )  # fmt: skip
    save_generation_inputs(
        sheet, generation_inputs(first_run, load_template(kind), ["resume", "contexte"])
    )
    failed = Generation.objects.create(
        sheet=sheet, base=first, backend="openai", model="Mixtral", state="failed",
        error_code="sections_failed", error_details={"sections": "« Résumé »"},
    )  # fmt: skip
    SectionRun.objects.create(
        generation=failed, key="resume", order=1, state="failed", error_code="internal",
        error_details={"reason": "ValueError"},
    )  # fmt: skip
    picture = save_picture(image(), contributor)
    picked = f"Dit-on, dit Claire.\n\n{markdown_of(picture)}\n\nEncore."
    edited = Version(body.replace("Dit-on.", picked, 1))
    save_edit(sheet, contributor, base=first, text=edited, comment="À : la main", minor=True)
    again = Generation.objects.create(sheet=sheet, backend="local", model="x", state="done")
    sheet.refresh_from_db()
    template = load_template(kind)
    proposal = create_proposal(
        sheet,
        start=ProposalBase(first, None),
        text=Version(body.replace("## 🎯", "Entrée.\n\n## 🎯", 1), {"categorie": "Froid[^2]"}),
        template=template,
        generation=again,
        written_from=generation_inputs(first_run, template, ["impacts"]),
    )
    assert sheet.current is not None
    accept_proposal(proposal, expert, onto=sheet.current.number, choices={})
    sheet.refresh_from_db()
    refused = create_proposal(
        sheet,
        start=ProposalBase(first, proposal),
        text=Version("## Autre\n\nUne proposition.\n"),
        template=template,
        author=contributor,
        sections=["resume"],
        notices=[{"code": "shrunk", "section": "resume", "before": 9, "after": 1}],
        remark="Plus clair ainsi.",
        signed="Un lecteur",
        sender="d41d8cd98f00b204",
    )
    Proposal.objects.filter(pk=refused.pk).update(
        choices={"a": {"take": "theirs", "text": ""}}, decided={"resume": "kept"}
    )
    reject_proposal(refused, expert, "Déjà dit.")
    SectionLock.objects.create(sheet=sheet, section="resume", locked_by=expert)
    Sheet.objects.filter(pk=sheet.pk).update(
        state="published", review_on="2027-03-01",
    )  # fmt: skip
    SheetEvent.objects.create(
        sheet=sheet, kind="request_changes", actor=expert, revision=sheet.current,
        comment="Citer le gain.", details={"before": "draft"},
    )  # fmt: skip
    sheet.refresh_from_db()
    return sheet


def filled_type() -> SheetType:
    """Return a kind of sheet that says something in every field."""
    kind = SheetType.objects.get(key="solution")
    SheetType.objects.filter(pk=kind.pk).update(order=3, description_en="A technique.")
    return SheetType.objects.get(pk=kind.pk)


def fill_sources(document: Document, expert: User) -> None:
    """Give a source a later version, and say all that there is to say of it."""
    newer = accept_source(upload(make_pdf(STEAM, LIGHT), "neuf.pdf"), expert, supersedes=document)
    Document.objects.filter(pk=document.pk).update(
        author="A. Auteur", publisher="Ademe", published="2021-03", language="fr",
        origin="https://example.org/guide.pdf", licence="CC BY", by_hand=["author", "publisher"],
    )  # fmt: skip
    Document.objects.filter(pk=newer.pk).update(access="internal", attached_to=document)
    run_queue()


def written(sheet: Sheet, document: Document, user: User) -> Generation:
    """Return a run over a sheet that was shown the passages of a source."""
    run = Generation.objects.create(
        sheet=sheet, backend="openai", model="Mixtral", prompt_version="v3", state="done",
        parameters={"temperature": 0.1}, tokens_in=12, tokens_out=34, cost="0.5", seconds=1.5,
        started_at=timezone.now(), finished_at=timezone.now(), requested_by=user,
    )  # fmt: skip
    run.documents.add(document)
    chunks = list(document.chunks.order_by("-position").values_list("pk", flat=True))
    for order, key in enumerate(("resume", "contexte", "impacts")):
        SectionRun.objects.create(
            generation=run, key=key, order=order, state="done", tokens_in=7, tokens_out=8,
            cost="0.25", seconds=0.5, output={"key": key, "fields": []},
            passages=[{"label": f"S{n}", "chunk": pk} for n, pk in enumerate(chunks[order:], 1)],
        )  # fmt: skip
    assert len(chunks) > 1
    return run


READ_ANEW = "a source is read anew where it is taken in"
REFOUND = "found anew, from the texts"
WORK = "of a run that is under way, and such are not exported"
MADE_ANEW = "made anew from the texts"

DERIVED: dict[Any, dict[str, str]] = {
    Sheet: {
        "stale_reasons": "compared anew with what a sheet would be written from there",
        "stale_sections": "the same",
        "deleted_at": "a deleted sheet is not exported",
        "deleted_by": "the same",
        "responsible": "people of another installation are in charge of nothing here",
        **dict.fromkeys(
            ("validated_by", "validated_at", "validated_revision"),
            "a validation is worth something where the person who gave it is known",
        ),
    },
    Revision: {"rendered": MADE_ANEW},
    Citation: {"chunk": REFOUND, "unborne": MADE_ANEW},
    Generation: {
        "prompt": "prompts are the installation's own; `prompt_version` says which it was",
    },
    Proposal: {
        "reply_to": "the address of a person, deleted once it has served",
        "merged": MADE_ANEW,
        "merged_onto": MADE_ANEW,
        "conflicts": MADE_ANEW,
    },
    SheetRedirect: {"folded": "the title without case and accents"},
    Picture: {"file": "compared by its content, below"},
    Document: {
        "file": "compared by its content, below",
        "media_type": "the file tells",
        **dict.fromkeys(
            (
                "read_at", "step_started_at", "failed_step", "error_code", "error_details",
                "ready_at", "state", "page_count", "indexed_with",
                "reader_version",
            ),
            READ_ANEW,
        ),
    },
}  # fmt: skip
"""The fields of what an archive carries that it need not carry, each with its reason."""

NOT_CARRIED: dict[Any, str] = {
    BulkAction: "the report of work on this installation",
    SavedView: "a person's own wish, not the wiki's",
    VocabularyTerm: "made anew from what key facts name; former names are the installation's own",
    Digest: "a person's own wish, not the wiki's",
    Discussion: "what the members of this installation say to each other",
    Comment: "what the members of this installation say to each other",
    FileJob: "work on this machine",
    CachedPage: MADE_ANEW,
    RevisionCheck: MADE_ANEW,
    Confirmation: "said by people of another installation, who are not known here",
    Judgement: "answers of the model of this installation",
    DroppedStatement: "of the last generation; the next one says it anew",
    Link: MADE_ANEW,
    Prompt: "the installation's own: one that came in would be what its model is told from then on",
    Relation: MADE_ANEW,
    SearchedSection: MADE_ANEW,
    SearchedSheet: MADE_ANEW,
    Spending: "the account of this installation",
    EditDraft: "not yet part of the wiki",
    SavedForm: "of a page that is open in a browser",
    Watch: "a person's own wish, not the wiki's",
}
"""The models that an archive does not carry, each with its reason."""

CARRIED: list[Any] = [
    model
    for model in [Document, *apps.get_app_config("sheets").get_models()]
    if model not in NOT_CARRIED
]


def compared(model: Any) -> list[Any]:
    """Return the fields that an archive is to carry: all of the model's own but the derived."""
    return [
        field
        for field in model._meta.get_fields()
        if not (field.auto_created and not field.concrete)  # a field of the model that points here
        and field.name != model._meta.pk.name  # each wiki numbers its rows by itself
        and field.name not in DERIVED.get(model, {})
    ]


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return every such field of every row, with names in the place of what is numbered."""
    names = {model: named(model) for model in [*CARRIED, User, Chunk]}
    return {
        model.__name__: sorted(
            (
                {field.name: said(row, field, names) for field in compared(model)}
                for row in model.objects.all()
            ),
            key=str,
        )
        for model in CARRIED
    }


def named(model: Any) -> dict[int, str]:
    """Return a name for each row of a model that does not depend on how it is numbered."""
    by: dict[Any, tuple[str, ...]] = {
        User: ("username",), Document: ("sha256",), Sheet: ("slug",), SheetType: ("key",),
        Section: ("sheet_type__key", "key"), Revision: ("sheet__slug", "number"),
        Chunk: ("document__sha256", "position"),
    }  # fmt: skip
    if model in by:
        rows = model.objects.order_by("pk").values_list("pk", *by[model])
        names = {pk: " ".join(map(str, rest)) for pk, *rest in rows}
        return {pk: name.removeprefix(IMPORTED) for pk, name in names.items()}
    return {
        pk: f"{n}" for n, pk in enumerate(model.objects.order_by("pk").values_list("pk", flat=True))
    }


def said(row: Any, field: Any, names: dict[Any, dict[int, str]]) -> Any:
    """Return what a row says, with names in the place of what each wiki numbers by itself."""
    if field.many_to_many:
        return sorted(names[field.related_model][one.pk] for one in getattr(row, field.name).all())
    if field.is_relation:
        pk = getattr(row, field.attname)
        return None if pk is None else names[field.related_model][pk]
    value = getattr(row, field.name)
    if field.name == "written_from":
        return {
            section: {
                **facts,
                "generation": names[Generation].get(facts["generation"]),
                "documents": {names[Document][int(k)]: v for k, v in facts["documents"].items()},
                "passages": sorted(names[Chunk][pk] for pk in facts["passages"]),
            }
            for section, facts in value.items()
        }
    if field.name == "passages":
        return [{**p, "chunk": names[Chunk][p["chunk"]]} for p in value]
    if isinstance(value, str):
        for pk, name in names[Document].items():
            value = value.replace(f"/sources/{pk}/", f"/sources/{name}/")
    return value


def empty() -> None:
    """Take everything out of the wiki."""
    Sheet.objects.all().delete()
    Document.objects.all().delete()
    Picture.objects.all().delete()
    SheetType.objects.all().delete()


def in_common(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the fields that both versions have, without what is checked anew."""
    known = {key for row in others for key in row} - {"reasons"}
    return [{key: value for key, value in row.items() if key in known} for row in rows]


class TestRoundTrip:
    def test_the_cast_says_something_in_every_field(self, sheet: Sheet) -> None:
        """So that a field which is forgotten in an archive makes the tests below fail."""
        silent = [
            f"{model.__name__}.{field.name}"
            for model in CARRIED
            for field in compared(model)
            if not any(is_said(row, field) for row in model.objects.all())
        ]
        assert silent == []

    @pytest.mark.parametrize("model", [*DERIVED, *NOT_CARRIED])
    def test_what_is_left_out_exists(self, model: Any) -> None:
        assert {f.name for f in model._meta.get_fields()} >= set(DERIVED.get(model, {}))
        assert (model in CARRIED) is (model in DERIVED)

    def test_into_an_empty_wiki_loses_nothing(self, sheet: Sheet, administrator: User) -> None:
        run_queue()
        before, archive = everything(), packed()
        files = contents()
        empty()
        User.objects.exclude(pk=administrator.pk).delete()

        report = import_wiki(io.BytesIO(archive), administrator)
        run_queue()

        assert report.problems == []
        assert report.created == ["air"]
        after = everything()
        for kind, rows in before.items():
            assert after[kind] == rows, kind
        assert contents() == files
        assert packed_texts(packed()) == packed_texts(archive)
        claire = User.objects.get(username="importé : claire")
        assert not claire.is_active
        assert not claire.has_usable_password()

    def test_into_a_filled_wiki_loses_nothing(
        self, sheet: Sheet, document: Document, administrator: User, contributor: User
    ) -> None:
        run_queue()
        before, archive = everything(), packed()
        Sheet.objects.all().delete()
        for one in Document.objects.all():  # they are here, under other numbers
            with one.file.open("rb") as kept:
                copy = ContentFile(kept.read(), name=one.filename)
            one.delete()
            accept_source(copy, contributor)
        other = Sheet.objects.create(
            sheet_type=SheetType.objects.get(key="secteur"), title="Lait", slug="lait"
        )
        Generation.objects.create(sheet=other, backend="local", model="x", state="done")
        save_edit(other, contributor, base=None, text=Version("Du lait.\n"))
        run_queue()

        report = import_wiki(io.BytesIO(archive), administrator)

        assert (report.created, report.problems) == (["air"], [])
        run_queue()
        other.delete()
        after = everything()
        before["Document"] = after["Document"]  # a source that is here stays what it is
        for kind, rows in before.items():
            assert after[kind] == rows, kind

    def test_passages_of_sources_that_are_not_read_wait_for_them(
        self, sheet: Sheet, administrator: User
    ) -> None:
        run_queue()
        before, archive = everything(), packed()
        empty()
        import_wiki(io.BytesIO(archive), administrator)
        waiting = Sheet.objects.get()
        assert waiting.written_from["resume"]["passages"] == []
        assert SectionRun.objects.filter(passages__contains=[{"chunk": None}]).exists()

        again = packed()  # what waits is not lost on the way through this wiki
        empty()
        OrmQ.objects.all().delete()
        import_wiki(io.BytesIO(again), administrator)
        run_queue()

        after = everything()
        assert after["SectionRun"] == before["SectionRun"]
        assert after["Sheet"] == before["Sheet"]
        assert after["Proposal"] == before["Proposal"]

    def test_a_passage_that_is_cut_otherwise_here_is_told_as_gone(
        self, sheet: Sheet, administrator: User
    ) -> None:
        run_queue()
        archive = packed()
        known = len(sheet.written_from["resume"]["passages"])
        Sheet.objects.all().delete()
        Chunk.objects.filter(position=0).update(content_hash="autre")

        import_wiki(io.BytesIO(archive), administrator)
        run_queue()

        facts = Sheet.objects.get().written_from["resume"]
        assert len(facts["passages"]) == known - 1
        assert len(facts["awaited"]) == 1

    def test_a_passage_that_was_gone_already_stays_so(
        self, sheet: Sheet, administrator: User
    ) -> None:
        run_queue()
        Chunk.objects.filter(position=0).delete()
        archive = packed()
        Sheet.objects.all().delete()

        assert import_wiki(io.BytesIO(archive), administrator).problems == []

        facts = Sheet.objects.get().written_from["resume"]
        assert facts["awaited"] == [{}]
        shown = SectionRun.objects.get(key="resume", state="done").passages
        assert [p["label"] for p in shown if p["chunk"] is None] == [shown[-1]["label"]]

    def test_an_archive_of_before_is_taken_in_too(self, sheet: Sheet, administrator: User) -> None:
        """Runs stood in the versions alone, of pictures there was the title."""
        run_queue()
        output = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(packed())) as was, zipfile.ZipFile(output, "w") as now:
            for name in was.namelist():
                content = was.read(name)
                if name.startswith("redactions/"):
                    continue
                if name == "images/images.json":
                    titles = {k: v["title"] for k, v in json.loads(content).items()}
                    content = json.dumps(titles).encode()
                elif name.startswith(("fiches/", "propositions/")) and name.endswith(".json"):
                    facts = json.loads(content)
                    for key in ("written_from", "former_names"):
                        facts.pop(key, None)
                    content = json.dumps(facts).encode()
                now.writestr(name, content)
        before = texts()
        empty()

        report = import_wiki(output, administrator)
        run_queue()

        assert (report.created, report.problems) == (["air"], [])
        assert texts() == before
        assert Picture.objects.get().title == "schéma"
        assert Sheet.objects.get().written_from == {}

    def test_what_the_writer_is_at_is_not_exported(self, sheet: Sheet, administrator: User) -> None:
        Generation.objects.create(sheet=sheet, backend="local", model="x")
        archive = packed()
        Sheet.objects.all().delete()
        import_wiki(io.BytesIO(archive), administrator)
        assert not Generation.objects.in_progress().exists()

    def test_the_same_wiki_gives_the_same_bytes(self, sheet: Sheet) -> None:
        assert packed() == packed()

    def test_sources_of_the_same_content_stay_apart(
        self, sheet: Sheet, document: Document, contributor: User, administrator: User
    ) -> None:
        with document.file.open("rb") as kept:
            copy = ContentFile(kept.read(), name="copie.pdf")
        twin = accept_source(copy, contributor, title="La copie", allow_duplicate=True)
        Document.objects.filter(supersedes=document).delete()
        sheet.documents.add(twin)
        content = packed()
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        assert len(set(names)) == len(names)
        Sheet.objects.all().delete()
        Document.objects.all().delete()

        for _again in range(2):
            report = import_wiki(io.BytesIO(content), administrator)
            assert report.problems == []
            titles = list(Document.objects.order_by("pk").values_list("title", flat=True))
            assert titles == [document.title, "La copie"]
        assert Sheet.objects.get().documents.count() == 2

    def test_an_archive_of_the_version_before_gives_the_same_rows(
        self, administrator: User
    ) -> None:
        """`format1.json` has what its import gave when names were those of accounts."""
        empty()
        report = import_wiki(io.BytesIO((ARCHIVES / "format1.zip").read_bytes()), administrator)
        run_queue()

        assert report.problems == []
        assert sorted(report.created) == ["air", "lait-100-oui", "vide"]
        found = json.loads(json.dumps(everything(), default=str))
        expected = json.loads((ARCHIVES / "format1.json").read_text("utf-8"))
        for row in expected["Sheet"]:
            if row["state"] == "validated":  # by somebody who is not known here
                told = SheetEvent.objects.get(sheet__slug=row["slug"], kind="imported_validation")
                assert told.details == {"name": row["validated_by"]}
                row["state"] = "review"
        for kind, rows in expected.items():
            assert in_common(found[kind], rows) == in_common(rows, found[kind]), kind
        with (
            zipfile.ZipFile(ARCHIVES / "format1.zip") as before,
            zipfile.ZipFile(io.BytesIO(packed())) as now,
        ):
            name = "versions/lait-100-oui/0002.md"
            old, new = (split_front_matter(z.read(name).decode()) for z in (before, now))
            assert new == (old[0] | {"author": f"{IMPORTED}{old[0]['author']}"}, old[1])

    def test_names_of_an_archive_are_never_those_of_accounts(
        self, sheet: Sheet, administrator: User, expert: User
    ) -> None:
        archive = packed()
        empty()

        for _again in range(2):  # what was imported once keeps its name
            import_wiki(io.BytesIO(archive), administrator)
            made = Sheet.objects.get()
            happened = made.events.get(kind="request_changes")
            assert happened.actor is not None
            assert happened.actor.username == f"importé : {expert.username}"
            assert not happened.actor.is_active
            authors = set(made.revisions.values_list("author__username", flat=True)) - {None}
            assert authors
            assert all(name.startswith(IMPORTED) for name in authors)
            archive = packed()
            empty()

    @pytest.mark.parametrize(
        "origin", ["javascript:alert(1)", "ftp://example.org/x", "http://[bad", "https://a:b@x.fr/"]
    )
    def test_an_address_that_is_none_is_left_out(
        self, origin: str, document: Document, administrator: User
    ) -> None:
        Document.objects.filter(pk=document.pk).update(origin=origin)
        archive = packed()
        empty()

        report = import_wiki(io.BytesIO(archive), administrator)

        assert Document.objects.get().origin == ""
        assert [p.partition(":")[0] for p in report.problems] == [
            f"sources/{document.sha256[:16]}.json"
        ]

    def test_a_picture_is_encoded_anew(self, contributor: User, administrator: User) -> None:
        picture = save_picture(image(), contributor)
        archive = packed()
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            content = opened.read(f"images/{picture.name}") + b"<script>"
        empty()
        archive = replaced(archive, f"images/{picture.name}", content)

        assert import_wiki(io.BytesIO(archive), administrator).problems == []

        with Picture.objects.get().file.open("rb") as kept:
            assert b"<script>" not in kept.read()

    def test_another_file_than_the_record_tells_is_left_out(
        self, document: Document, administrator: User
    ) -> None:
        archive = packed()
        name = f"sources/{document.sha256[:16]}.pdf"
        empty()

        report = import_wiki(
            io.BytesIO(replaced(archive, name, make_pdf(("Autre texte.",)))), administrator
        )

        assert len(report.problems) == 1
        assert not Document.objects.exists()

    def test_a_second_time_changes_nothing(self, sheet: Sheet, administrator: User) -> None:
        before = everything()

        report = import_wiki(io.BytesIO(packed()), administrator)

        assert (report.same, report.problems) == (["air"], [])
        assert everything() == before


def texts() -> list[tuple[Any, ...]]:
    """Return what the versions of sheets are, with the model that wrote each."""
    return [
        (r.number, r.body.partition("[^1]: ")[0], r.origin, r.generation and r.generation.model)
        for r in Revision.objects.select_related("generation").order_by("number")
    ]


def is_said(row: Any, field: Any) -> bool:
    """Tell whether a row says in a field what is not said by saying nothing."""
    if field.many_to_many:
        return bool(getattr(row, field.name).exists())
    value = getattr(row, field.attname)
    return bool(value) and (not field.has_default() or value != field.get_default())


def contents() -> dict[str, object]:
    """Return the files of sources, and the sizes of pictures, which are encoded anew."""
    found: dict[str, object] = {}
    for document in Document.objects.all():
        with document.file.open("rb") as kept:
            found[document.sha256] = kept.read()
    for picture in Picture.objects.all():
        with picture.file.open("rb") as kept, Image.open(kept) as opened:
            found[picture.name] = opened.size
    return found


def packed_texts(archive: bytes) -> dict[str, str]:
    """Return the texts of an archive that do not name what each wiki numbers by itself."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {
            name: opened.read(name).decode().replace(IMPORTED, "")
            for name in opened.namelist()
            if name.startswith(("types/", "images/images"))
        }


class TestFilledWiki:
    def test_what_came_later_is_appended(
        self, sheet: Sheet, contributor: User, administrator: User
    ) -> None:
        run_queue()
        earlier = packed()
        sheet.refresh_from_db()
        save_generation_inputs(sheet, {"couts": sheet.written_from["resume"]})
        save_edit(sheet, contributor, base=sheet.current, text=Version("Plus tard.\n"))
        later = packed()
        Sheet.objects.all().delete()
        import_wiki(io.BytesIO(earlier), administrator)

        report = import_wiki(io.BytesIO(later), administrator)

        assert report.extended == ["air"]
        extended = Sheet.objects.get()
        current = extended.current
        assert current is not None
        assert (current.body, current.origin) == ("Plus tard.\n", Revision.Origin.IMPORT)
        assert extended.written_from["couts"] == sheet.written_from["resume"] | {"generation": None}

    def test_where_both_have_gone_on_nothing_is_overwritten(
        self, sheet: Sheet, contributor: User, administrator: User
    ) -> None:
        sheet.refresh_from_db()
        base = sheet.current
        save_edit(sheet, contributor, base=base, text=Version("Là-bas.\n"))
        archive = packed()
        Sheet.objects.all().delete()
        import_wiki(io.BytesIO(archive), administrator)
        here = Sheet.objects.get()
        # Here the last version says something else.
        other = packed()
        text = edited(other, "fiches/air.md", "Là-bas.", "Modifié dans git.")
        save_edit(here, contributor, base=here.current, text=Version("Ici.\n"))

        report = import_wiki(io.BytesIO(text), administrator)

        assert report.proposed == ["air"]
        here.refresh_from_db()
        assert here.current is not None
        assert here.current.body == "Ici.\n"
        assert "Modifié dans git." in here.proposals.waiting().latest("pk").body
        assert import_wiki(io.BytesIO(text), administrator).proposed == ["air"]
        assert here.proposals.waiting().filter(body__contains="git").count() == 1

    def test_what_people_say_of_a_source_that_is_here_stays(
        self, sheet: Sheet, document: Document, administrator: User
    ) -> None:
        archive = packed()
        Document.objects.filter(pk=document.pk).update(author="Relu ici", by_hand=["author"])
        made = Document.objects.get(pk=document.pk).created_at

        report = import_wiki(io.BytesIO(archive), administrator)

        document.refresh_from_db()
        assert (document.author, document.by_hand) == ("Relu ici", ["author"])
        assert (document.created_at, report.documents) == (made, 0)

    def test_a_file_edited_by_hand_is_a_version_more(
        self, sheet: Sheet, administrator: User
    ) -> None:
        archive = edited(packed(), "fiches/air.md", "dit Claire", "dit le fichier")

        assert import_wiki(io.BytesIO(archive), administrator).extended == ["air"]

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


def replaced(archive: bytes, name: str, content: bytes) -> bytes:
    """Return the archive with another content of one of its files."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as was, zipfile.ZipFile(output, "w") as now:
        for entry in was.namelist():
            now.writestr(entry, content if entry == name else was.read(entry))
    return output.getvalue()


def damaged(archive: bytes, name: str, how: str) -> bytes:
    """Return the archive with a file whose bytes, flag of a password or method are changed."""
    with zipfile.ZipFile(io.BytesIO(archive)) as was:
        entry = was.getinfo(name)
        at, central = entry.header_offset, was.start_dir
    content = bytearray(archive)
    while content[central + 46 : central + 46 + len(name.encode())] != name.encode():
        central += 46 + sum(struct.unpack("<HHH", content[central + 28 : central + 34]))
    if how == "bytes":
        start = at + 30 + sum(struct.unpack("<HH", content[at + 26 : at + 30]))
        content[start : start + 4] = b"\xff" * 4
    elif how == "password":
        content[at + 6] |= 1
        content[central + 8] |= 1
    else:
        content[at + 8] = content[central + 10] = 99
    return bytes(content)


def refused(client: Client, archive: bytes) -> None:
    """Send an archive on the page of the wiki, and find there that it is none."""
    upload = ContentFile(archive, name="wiki.zip")
    answer = client.post(reverse("wiki"), {"archive": upload})
    assert answer.status_code == 422
    errors = answer.context["form"].errors["archive"]
    assert errors == [UserError("not_an_archive").sentence]
    assert not FileJob.objects.exists()


class TestBadArchives:
    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<html>"])
    def test_what_is_no_archive_is_refused(self, content: bytes, administrator: User) -> None:
        with pytest.raises(UserError) as caught:
            import_wiki(io.BytesIO(content), administrator)
        assert caught.value.code == "not_an_archive"

    @pytest.mark.parametrize(
        "head",
        [
            b"{bad}",
            b"[1]",
            b'"x"',
            b'{"format": true}',
            b'{"format": 1.0}',
            b'{"format": "1"}',
            b'{"format": 2}',
            b'\xef\xbb\xbf{"format": 1}',
            '{"format": 1}'.encode("utf-16"),
            b'{"format": ' + b"9" * 5000 + b"}",
            b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        ],
        ids=range(11),
    )
    def test_a_bad_head_is_refused_on_its_page(
        self, head: bytes, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)
        with zipfile.ZipFile(output := io.BytesIO(), "w") as made:
            made.writestr("wikico2.json", head)
        refused(client, output.getvalue())

    @pytest.mark.parametrize("how", ["bytes", "password", "method"])
    def test_a_damaged_head_is_refused_on_its_page(
        self, how: str, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)
        with zipfile.ZipFile(output := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("wikico2.json", '{"format": 1}')
        refused(client, damaged(output.getvalue(), "wikico2.json", how))

    @pytest.mark.parametrize("how", ["bytes", "password", "method"])
    @pytest.mark.parametrize("folder", ["fiches", "sources", "images"])
    def test_one_damaged_file_does_not_stop_the_rest(
        self, folder: str, how: str, sheet: Sheet, administrator: User
    ) -> None:
        archive = packed()
        ends = {"fiches": ".md", "sources": ".json", "images": "images.json"}
        with zipfile.ZipFile(io.BytesIO(archive)) as content:
            names = [n for n in content.namelist() if n.startswith(f"{folder}/")]
        name = next(n for n in names if n.endswith(ends[folder]))
        Sheet.objects.all().delete()
        with zipfile.ZipFile(stream := io.BytesIO(damaged(archive, name, how)), "a") as more:
            more.writestr("fiches/zz.md", '---\ntype: "solution"\ntitle: Autre\n---\n\nTexte')

        report = import_wiki(stream, administrator)

        assert "zz" in report.created
        assert [p for p in report.problems if p.startswith(name)] == report.problems[:1]
        assert len(report.problems) == 1

    @pytest.mark.parametrize(
        "value", [[1], "x", {"resume": 3}, {"resume": {"generation": 1, "documents": []}}]
    )
    def test_a_value_of_another_kind_is_told_without_its_error(
        self, value: Any, sheet: Sheet, administrator: User, caplog: pytest.LogCaptureFixture
    ) -> None:
        archive = packed()
        Sheet.objects.all().delete()
        with zipfile.ZipFile(io.BytesIO(archive)) as content:
            facts = json.loads(content.read("fiches/air.json")) | {"written_from": value}
        archive = replaced(archive, "fiches/air.json", json.dumps(facts).encode())
        with zipfile.ZipFile(stream := io.BytesIO(archive), "a") as more:
            more.writestr("fiches/zz.md", '---\ntype: "solution"\ntitle: Autre\n---\n\nTexte')
            more.writestr("sources/0.json", "{}")

        report = import_wiki(stream, administrator)

        assert report.created == ["zz"]
        assert len(report.problems) == 2
        assert not [p for p in report.problems if "Error" in p or "sha256" in p]
        assert "KeyError: 'sha256'" in caplog.text

    def test_who_another_import_created_meanwhile_is_found(self, administrator: User) -> None:
        known = ImportIdMap()
        other = User.objects.create(username="importé : zoe")

        assert known.person("zoe") == other
        made = known.person("yan")
        assert made is not None
        assert not made.is_active
        assert not made.has_usable_password()

    def test_one_bad_file_does_not_stop_the_rest(self, sheet: Sheet, administrator: User) -> None:
        archive = packed()
        Sheet.objects.all().delete()
        with zipfile.ZipFile(stream := io.BytesIO(archive), "a") as more:
            more.writestr("fiches/autre.md", '---\ntype: "inconnu"\n---\n\nTexte')
            more.writestr("images/0000000000000000-1x1.webp", b"<svg>")
            more.writestr("fiches/../../etc.md", "---\nx")

        report = import_wiki(stream, administrator)

        assert report.created == ["air"]
        assert len(report.problems) == 2
        assert Sheet.objects.count() == 1

    def test_who_came_with_a_bad_file_is_not_lost_for_the_others(
        self, sheet: Sheet, administrator: User
    ) -> None:
        stream = io.BytesIO(packed())
        with zipfile.ZipFile(stream, "a") as more:
            for slug, number in (("bad", 7), ("good", 1)):
                more.writestr(f"fiches/{slug}.md", "---\ntitle: X\ntype: solution\n---\n\nX")
                head = f"number: {number}\norigin: human\nauthor: zoe"
                more.writestr(f"versions/{slug}/0001.md", f"---\n{head}\n---\n\nX")

        report = import_wiki(stream, administrator)

        assert report.created == ["good"]
        assert len(report.problems) == 1
        assert (
            Sheet.objects.get(slug="good")
            .revisions.filter(author__username="importé : zoe")
            .exists()
        )

    def test_a_file_that_the_storage_lost_is_told(self, sheet: Sheet) -> None:
        picture = Picture.objects.get()
        picture.file.storage.delete(picture.file.name or "")

        assert export_wiki(io.BytesIO()) == [f"images/{picture.name}"]


class TestFront:
    def test_what_is_written_is_read(self) -> None:
        facts = {
            "title": "A : « b »\n---\n",
            "n": 3,
            "none": None,
            "header": {"a": "1", "b": "x: y"},
        }

        assert split_front_matter(add_front_matter(facts, "Corps\n---\nfin")) == (
            facts,
            "Corps\n---\nfin",
        )

    def test_words_without_quotes_are_words(self) -> None:
        assert split_front_matter("---\ntitle: Air comprimé\n---\nx") == (
            {"title": "Air comprimé"},
            "x",
        )

    def test_an_unfinished_head_is_told(self) -> None:
        with pytest.raises(FrontMatterError):
            split_front_matter("---\ntitle: Air")


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
