"""References to passages in archives, since ids of passages differ between wikis.

A reference is the source of a passage, its position there and the hash of its text; {} refers to a
deleted passage. While the source is not ingested, the reference is unresolved and stays in the
row: in `SectionRun.passages` under `place`, with `chunk` None; in the `written_from` of a sheet or
a proposal under `awaited`, beside the resolved `passages`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Func, Q, QuerySet

from ingestion.models import Chunk
from sheets.models import Generation, Proposal, SectionRun, Sheet

PassageRef = Mapping[str, Any]
LOCAL = ("awaited", "reread")
"""Facts of sections that hold ids of this wiki only."""

Key = tuple[int, int, str]
GenerationInputsData = Mapping[str, Mapping[str, Any]]
Names = Mapping[int, str]


class HasUnresolvedRefs(Func):
    """Whether any section of a `written_from` has unresolved references."""

    template = "jsonb_path_exists(%(expressions)s, '$.*.awaited')"
    output_field = BooleanField()


# --- Export ---------------------------------------------------------------------------------------


def passage_refs(chunks: Iterable[int | None], names: Names) -> dict[int, PassageRef]:
    """Return the references of passages by id; `names` maps sources to names in the archive."""
    rows = Chunk.objects.filter(pk__in={pk for pk in chunks if pk}).values_list(
        "pk", "document_id", "position", "content_hash"
    )
    return {
        pk: {"source": names[document], "position": position, "hash": content_hash}
        for pk, document, position, content_hash in rows
        if document in names
    }


def export_passages(passages: Iterable[Mapping[str, Any]], names: Names) -> list[dict[str, Any]]:
    """Return `SectionRun.passages` with references in place of ids."""
    passages = list(passages)
    known = passage_refs((p["chunk"] for p in passages), names)
    return [
        {"label": p["label"], "place": known.get(p["chunk"]) or export_ref(p.get("place"), names)}
        for p in passages
    ]


def export_generation_inputs(written_from: GenerationInputsData, names: Names) -> dict[str, Any]:
    """Return `written_from` with references; a deleted source gets its negated id as name."""
    known = passage_refs((pk for facts in written_from.values() for pk in facts["passages"]), names)
    return {
        section: {
            **{name: value for name, value in facts.items() if name not in LOCAL},
            "documents": {
                names.get(int(pk), f"-{abs(int(pk))}"): title
                for pk, title in facts["documents"].items()
            },
            "passages": [
                *(known.get(pk, {}) for pk in facts["passages"]),
                *(export_ref(ref, names) for ref in facts.get("awaited", ())),
            ],
        }
        for section, facts in written_from.items()
    }


def export_ref(ref: PassageRef | None, names: Names) -> PassageRef:
    """Return an unresolved reference with the archive's name of its source."""
    if not ref or ref["document"] not in names:
        return {}
    given = {name: value for name, value in ref.items() if name != "document"}
    return {"source": names[ref["document"]], **given}


# --- Import ---------------------------------------------------------------------------------------


def import_ref(ref: PassageRef, documents: Mapping[str, int]) -> PassageRef:
    """Return a reference with the local id of its source, {} if unknown.

    Raises KeyError, TypeError or ValueError for an invalid reference.
    """
    if not ref or ref["source"] not in documents:
        return {}
    return {
        "document": documents[ref["source"]],
        "position": int(ref["position"]),
        "hash": str(ref["hash"]),
    }


def import_passages(
    passages: Iterable[Mapping[str, Any]], documents: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Return the passages of an archive in the form of `SectionRun.passages`."""
    return with_resolved_passages(
        {"label": p["label"], "chunk": None, "place": import_ref(p["place"], documents)}
        for p in passages
    )


def import_generation_inputs(
    written_from: GenerationInputsData, documents: Mapping[str, int], runs: Mapping[int, Generation]
) -> dict[str, Any]:
    """Return the inputs of an archive in the form of `Sheet.written_from`."""
    return with_resolved_inputs(
        {
            section: {
                **facts,
                "generation": runs[facts["generation"]].pk if facts["generation"] in runs else None,
                "documents": {
                    str(documents.get(name, name)): title
                    for name, title in facts["documents"].items()
                    if name in documents or name.startswith("-")
                },
                "passages": [],
                "awaited": [import_ref(ref, documents) for ref in facts["passages"]],
            }
            for section, facts in written_from.items()
        }
    )


# --- Resolution -----------------------------------------------------------------------------------


def find_passages_at(awaited: Iterable[PassageRef]) -> dict[Key, int]:
    """Return the ids of the passages that these references resolve to.

    A passage that moved within its source is found by the hash of its text.
    """
    wanted = {ref_key(ref) for ref in awaited if ref}
    rows = Chunk.objects.filter(
        document__in={document for document, _position, _hash in wanted},
        content_hash__in={content_hash for _document, _position, content_hash in wanted},
    ).values_list("document_id", "content_hash", "position", "pk")
    known: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    for document, content_hash, position, pk in rows:
        known[document, content_hash].append((position, pk))
    return {
        (document, position, content_hash): nearest_position(
            position, known[document, content_hash]
        )
        for document, position, content_hash in wanted
        if (document, content_hash) in known
    }


def nearest_position(position: int, rows: Iterable[tuple[int, int]]) -> int:
    return min(rows, key=lambda row: (abs(row[0] - position), row))[1]


def ref_key(ref: PassageRef) -> Key:
    return (ref["document"], ref["position"], ref["hash"])


def with_resolved_passages(passages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the passages of a section run, with references resolved where possible."""
    passages = list(passages)
    found = find_passages_at(p["place"] for p in passages if p.get("place"))
    return [
        {"label": p["label"], "chunk": found[key]}
        if p.get("place") and (key := ref_key(p["place"])) in found
        else dict(p)
        for p in passages
    ]


def with_resolved_inputs(written_from: GenerationInputsData) -> dict[str, Any]:
    """Return the inputs of sections, with references resolved where possible."""
    known = find_passages_at(p for facts in written_from.values() for p in facts.get("awaited", ()))
    result: dict[str, Any] = {}
    for section, facts in written_from.items():
        rest = dict(facts)
        awaited = rest.pop("awaited", [])
        found = [known[key] for p in awaited if p and (key := ref_key(p)) in known]
        left = [p for p in awaited if not p or ref_key(p) not in known]
        rest["passages"] = sorted([*facts["passages"], *found])
        result[section] = rest | ({"awaited": left} if left else {})
    return result


def unresolved_rows(
    document_id: int,
) -> tuple[QuerySet[SectionRun], QuerySet[Sheet], QuerySet[Proposal]]:
    """Return the section runs, sheets and proposals that may have unresolved references."""
    runs = SectionRun.objects.filter(
        generation__documents=document_id, passages__contains=[{"chunk": None}]
    )
    written = Generation.objects.filter(documents=document_id).values("sheet")
    of_it = Q(documents=document_id) | Q(pk__in=written)
    sheets = Sheet.objects.filter(pk__in=Sheet.objects.filter(of_it).order_by().values("pk"))
    proposals = Proposal.objects.filter(
        HasUnresolvedRefs("written_from"), sheet__in=sheets.values("pk")
    )
    return runs, sheets.filter(HasUnresolvedRefs("written_from")), proposals


def has_unresolved_refs(document_id: int) -> bool:
    """Tell whether any row may have unresolved references to a source."""
    return any(rows.exists() for rows in unresolved_rows(document_id))


def resolve_passage_refs(document_id: int) -> None:
    """Resolve the references of imported rows to the passages of an ingested source."""
    runs, sheets, proposals = unresolved_rows(document_id)
    for run in list(runs.only("passages")):
        SectionRun.objects.filter(pk=run.pk).update(passages=with_resolved_passages(run.passages))
    for rows in (sheets, proposals):
        for pk in list(rows.values_list("pk", flat=True)):
            with transaction.atomic():
                one = rows.select_for_update(of=("self",)).only("written_from").filter(pk=pk)
                for locked in one:
                    resolved = with_resolved_inputs(locked.written_from)
                    rows.filter(pk=pk).update(written_from=resolved)
