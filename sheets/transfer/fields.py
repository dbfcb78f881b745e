"""The record of each row in an archive: one table of fields for export and import."""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, cast

from django.forms.models import model_to_dict

from ingestion.models import Document
from sheets.models import Generation, Picture, Proposal, Revision, Sheet, SheetType
from sheets.sources.passage_refs import export_generation_inputs

GENERATION = (
    "backend", "model", "prompt_version", "parameters", "tokens_in", "tokens_out", "seconds",
    "state", "created_at", "started_at", "finished_at", "error_code", "error_details",
)  # fmt: skip

SECTION_RUN = (
    "key", "order", "state", "output", "tokens_in", "tokens_out", "cost", "seconds", "error_code",
    "error_details",
)  # fmt: skip

DOCUMENT = (
    "title", "filename", "sha256", "size", "media_type", "author", "publisher", "published",
    "origin", "licence", "by_hand", "language", "page_count", "access", "created_at",
)  # fmt: skip


def file_of(document: Document) -> str:
    """Return the name of a source's file in the archive."""
    return document.sha256[:16] + PurePosixPath(document.file.name or "").suffix.lower()


def sheet_type_record(kind: SheetType) -> dict[str, Any]:
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


def document_record(document: Document, names: Mapping[int, str]) -> dict[str, Any]:
    """Return the record of a source; `id` is its number in the footnotes of this archive."""
    return {
        "id": document.pk,
        "file": file_of(document),
        **{name: getattr(document, name) for name in DOCUMENT},
        "uploaded_by": username_of(document.uploaded_by),
        "supersedes": names.get(document.supersedes_id or 0),
        "attached_to": names.get(document.attached_to_id or 0),
    }


def picture_record(picture: Picture) -> dict[str, Any]:
    return {
        "title": picture.title,
        "uploaded_by": username_of(picture.uploaded_by),
        "created_at": picture.created_at,
    }


def sheet_record(sheet: Sheet, names: Mapping[int, str]) -> dict[str, Any]:
    """Return the record of a sheet, without its versions."""
    return {
        "title": sheet.title,
        "type": sheet.sheet_type.key,
        "state": sheet.state,
        "documents": sorted(names[d.pk] for d in sheet.documents.all() if d.pk in names),
        "validated_by": username_of(sheet.validated_by),
        "validated_at": sheet.validated_at,
        "validated_revision": revision_number(sheet.validated_revision),
        "created_by": username_of(sheet.created_by),
        "created_at": sheet.created_at,
        "updated_at": sheet.updated_at,
        "locks": [
            {"section": k.section, "locked_by": username_of(k.locked_by), "locked_at": k.locked_at}
            for k in sheet.locks.all()
        ],
        "former_names": [
            {
                "title": former.title,
                "slug": former.slug,
                "renamed_by": username_of(former.renamed_by),
                "renamed_at": former.renamed_at,
            }
            for former in sheet.redirects.all()
        ],
        "written_from": export_generation_inputs(sheet.written_from, names),
    }


def revision_record(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "origin": revision.origin,
        "author": username_of(revision.author),
        "date": utc_timestamp(revision.created_at),
        "comment": revision.comment,
        "minor": revision.minor,
        "second_parent": revision_number(revision.second_parent),
        "generation": generation_record(revision.generation),
        "header": dict(sorted(revision.metadata.items())),
    }


def generation_record(generation: Generation | None) -> dict[str, Any] | None:
    """Return the record of a generation; `run` is its id within this archive."""
    if generation is None:
        return None
    facts = {name: getattr(generation, name) for name in GENERATION}
    facts |= {"run": generation.pk, "cost": str(generation.cost)}
    return cast("dict[str, Any]", json.loads(facts_to_json(facts)))


def proposal_record(
    proposal: Proposal, numbers: dict[int, int], names: Mapping[int, str]
) -> dict[str, Any]:
    plain = (
        "body", "metadata", "sections", "notices", "choices", "decided", "state", "remark",
        "signed", "sender", "reason", "created_at", "decided_at",
    )  # fmt: skip
    return {
        **{name: getattr(proposal, name) for name in plain},
        "base": revision_number(proposal.base),
        "written_from": export_generation_inputs(proposal.written_from, names),
        "base_proposal": numbers.get(proposal.base_proposal_id or 0),
        "generation": generation_record(proposal.generation),
        "author": username_of(proposal.author),
        "accepted_as": revision_number(proposal.accepted_as),
        "decided_by": username_of(proposal.decided_by),
    }


def username_of(user: Any) -> str | None:
    return user.username if user else None


def revision_number(revision: Revision | None) -> int | None:
    return revision.number if revision else None


def utc_timestamp(date: dt.datetime | None) -> str | None:
    """Return a timestamp in UTC in ISO 8601, to the microsecond."""
    return date.astimezone(dt.UTC).isoformat() if date else None


def facts_to_json(facts: Any) -> str:
    """Return a record as indented JSON with sorted keys, which diffs well."""
    return (
        json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True, default=json_default) + "\n"
    )


def json_default(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return utc_timestamp(value)
    return str(value)
