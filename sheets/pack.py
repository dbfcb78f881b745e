"""Pack the whole wiki into one zip of plain files: the same wiki gives the same bytes.

wikico2.json                 what this is
types/solution.json          the kinds of sheet, with their sections and fields
fiches/<slug>.md             each sheet as it is, to be read and edited
fiches/<slug>.json           what else is known of it
versions/<slug>/0001.md      each of its versions
propositions/<slug>/0001.json  what was or is proposed for it
images/<name>.webp           the pictures; images.json has their titles
sources/<sha>.json, .pdf     the sources, with their files; <sha>_2.json for a second source of
                             the same content
"""

import datetime as dt
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import IO, Any, cast

from django.forms.models import model_to_dict

from ingestion.models import Document
from sheets.export import to_markdown
from sheets.front import with_front
from sheets.models import Generation, Picture, Proposal, Revision, Sheet, SheetType

FORMAT = 1
MOMENT = (1980, 1, 1, 0, 0, 0)
GENERATION = (
    "backend", "model", "prompt_version", "parameters", "tokens_in", "tokens_out", "seconds",
    "state", "created_at", "started_at", "finished_at",
)  # fmt: skip
DOCUMENT = (
    "title", "filename", "sha256", "size", "media_type", "author", "publisher", "published",
    "origin", "licence", "by_hand", "language", "page_count", "access", "created_at",
)  # fmt: skip


def pack(into: IO[bytes], *, sources: bool = True) -> list[str]:
    """Write the wiki as a zip; return the names of the files that the storage has lost.

    Without `sources` their files stay out; their titles are there all the same.
    """
    lost: list[str] = []
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in sorted(texts()):
            add(archive, name, content.encode())
        for name, file in files(sources=sources):
            try:
                with file.open("rb") as kept:
                    add(archive, name, kept.read(), zipfile.ZIP_STORED)
            except FileNotFoundError:
                lost.append(name)
    return lost


def add(
    archive: zipfile.ZipFile, name: str, content: bytes, how: int = zipfile.ZIP_DEFLATED
) -> None:
    """Put one file in, without the time and the rights that differ from machine to machine."""
    entry = zipfile.ZipInfo(name, MOMENT)
    entry.compress_type = how
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def files(*, sources: bool) -> Iterator[tuple[str, Any]]:
    """Yield the pictures and the files of sources, by name."""
    for picture in Picture.objects.order_by("name"):
        yield f"images/{picture.name}", picture.file
    given = {file_of(d): d for d in Document.objects.order_by("sha256", "-pk")} if sources else {}
    for name, document in given.items():
        yield f"sources/{name}", document.file


def file_of(document: Document) -> str:
    """Return the name of a source's file in the archive."""
    return document.sha256[:16] + PurePosixPath(document.file.name or "").suffix.lower()


def source_names() -> dict[int, str]:
    """Return what each source is called in the archive, by its key.

    Twins are numbered, so that their names follow each other.
    """
    names: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for pk, sha in Document.objects.order_by("pk").values_list("pk", "sha256"):
        seen[sha] += 1
        names[pk] = sha[:16] if seen[sha] == 1 else f"{sha[:16]}_{seen[sha]}"
    return names


def texts() -> Iterator[tuple[str, str]]:
    """Yield all that is text: name and content."""
    yield "wikico2.json", as_json({"format": FORMAT})
    for kind in SheetType.objects.prefetch_related("sections__fields"):
        yield f"types/{kind.key}.json", as_json(type_facts(kind))
    names = source_names()
    for document in Document.objects.select_related("uploaded_by"):
        yield f"sources/{names[document.pk]}.json", as_json(document_facts(document, names))
    titles = {p.name: p.title for p in Picture.objects.order_by("name")}
    if titles:
        yield "images/images.json", as_json(titles)
    for sheet in Sheet.objects.select_related("sheet_type", "current", "created_by"):
        yield f"fiches/{sheet.slug}.md", to_markdown(sheet)
        yield f"fiches/{sheet.slug}.json", as_json(sheet_facts(sheet, names))
        yield from versions(sheet)
        for number, proposal in enumerate(proposals(sheet), 1):
            yield f"propositions/{sheet.slug}/{number:04}.json", as_json(proposal)


def type_facts(kind: SheetType) -> dict[str, Any]:
    return {
        **model_to_dict(kind, exclude=["id"]),
        "sections": [
            {
                **model_to_dict(section, exclude=["id", "sheet_type"]),
                "fields": [
                    model_to_dict(field, exclude=["id", "section"])
                    for field in sorted(section.fields.all(), key=lambda f: f.order)
                ],
            }
            for section in sorted(kind.sections.all(), key=lambda s: s.order)
        ],
    }


def document_facts(document: Document, names: Mapping[int, str]) -> dict[str, Any]:
    """Return what is known of a source; `id` is what the footnotes of this archive call it."""
    return {
        "id": document.pk,
        "file": file_of(document),
        **{name: getattr(document, name) for name in DOCUMENT},
        "uploaded_by": name_of(document.uploaded_by),
        "supersedes": names.get(document.supersedes_id or 0),
    }


def sheet_facts(sheet: Sheet, names: Mapping[int, str]) -> dict[str, Any]:
    """Return what is known of a sheet beside its versions."""
    return {
        "title": sheet.title,
        "type": sheet.sheet_type.key,
        "state": sheet.state,
        "documents": sorted(names[pk] for pk in sheet.documents.values_list("pk", flat=True)),
        "validated_by": name_of(sheet.validated_by),
        "validated_at": sheet.validated_at,
        "validated_revision": number_of(sheet.validated_revision),
        "created_by": name_of(sheet.created_by),
        "created_at": sheet.created_at,
        "updated_at": sheet.updated_at,
        "locks": [
            {"section": k.section, "locked_by": name_of(k.locked_by), "locked_at": k.locked_at}
            for k in sheet.locks.select_related("locked_by")
        ],
    }


def versions(sheet: Sheet) -> Iterator[tuple[str, str]]:
    """Yield each version of a sheet as a file."""
    rows = sheet.revisions.select_related("author", "parent", "second_parent", "generation")
    for revision in rows.order_by("number").iterator(chunk_size=50):
        name = f"versions/{sheet.slug}/{revision.number:04}.md"
        yield name, with_front(revision_facts(revision), revision.body)


def revision_facts(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "origin": revision.origin,
        "author": name_of(revision.author),
        "date": moment(revision.created_at),
        "comment": revision.comment,
        "minor": revision.minor,
        "second_parent": number_of(revision.second_parent),
        "generation": generation_facts(revision.generation),
        "header": dict(sorted(revision.metadata.items())),
    }


def generation_facts(generation: Generation | None) -> dict[str, Any] | None:
    """Return what wrote; `run` tells runs of one sheet apart."""
    if generation is None:
        return None
    facts = {name: getattr(generation, name) for name in GENERATION}
    facts |= {"run": generation.pk, "cost": str(generation.cost)}
    return cast("dict[str, Any]", json.loads(as_json(facts)))


def proposals(sheet: Sheet) -> Iterator[dict[str, Any]]:
    """Yield what was proposed for a sheet, oldest first."""
    rows = list(
        sheet.proposals.select_related(
            "author", "base", "generation", "accepted_as", "decided_by"
        ).order_by("pk")
    )
    places = {p.pk: number for number, p in enumerate(rows, 1)}
    for one in rows:
        yield proposal_facts(one, places)


def proposal_facts(proposal: Proposal, places: dict[int, int]) -> dict[str, Any]:
    plain = (
        "body", "metadata", "sections", "notices", "choices", "decided", "state", "remark",
        "signed", "sender", "reason", "created_at", "decided_at",
    )  # fmt: skip
    return {
        **{name: getattr(proposal, name) for name in plain},
        "base": number_of(proposal.base),
        "base_proposal": places.get(proposal.base_proposal_id or 0),
        "generation": generation_facts(proposal.generation),
        "author": name_of(proposal.author),
        "accepted_as": number_of(proposal.accepted_as),
        "decided_by": name_of(proposal.decided_by),
    }


def name_of(user: Any) -> str | None:
    return user.username if user else None


def number_of(revision: Revision | None) -> int | None:
    return revision.number if revision else None


def moment(date: dt.datetime | None) -> str | None:
    """Return a moment to the microsecond, in universal time."""
    return date.astimezone(dt.UTC).isoformat() if date else None


def as_json(facts: Any) -> str:
    """Return facts as JSON that is easy to compare line by line."""
    return json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True, default=written) + "\n"


def written(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return moment(value)
    return str(value)
