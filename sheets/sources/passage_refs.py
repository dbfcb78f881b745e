"""Passages by the place where they stand, for archives: each wiki numbers its passages by itself.

An archive calls a passage by its source, its position there and the hash of its text: its place;
{} is the place of one that is gone. Where the source has not been read yet, the place stays in the
row until it is: in `SectionRun.passages` as `place`, beside no `chunk`; in what a sheet or a
proposal was `written_from` under `awaited`, beside the `passages` that are known.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Func, Q, QuerySet

from ingestion.models import Chunk
from sheets.models import Generation, Proposal, SectionRun, Sheet

PassageRef = Mapping[str, Any]
Key = tuple[int, int, str]
GenerationInputsData = Mapping[str, Mapping[str, Any]]
Names = Mapping[int, str]


class HasUnresolvedRefs(Func):
    """Whether any section of a `written_from` still awaits passages."""

    template = "jsonb_path_exists(%(expressions)s, '$.*.awaited')"
    output_field = BooleanField()


# --- Into an archive ------------------------------------------------------------------------------


def passage_refs(chunks: Iterable[int | None], names: Names) -> dict[int, PassageRef]:
    """Return where passages stand, by their id; `names` is what the archive calls the sources."""
    rows = Chunk.objects.filter(pk__in={pk for pk in chunks if pk}).values_list(
        "pk", "document_id", "position", "content_hash"
    )
    return {
        pk: {"source": names[document], "position": position, "hash": content_hash}
        for pk, document, position, content_hash in rows
        if document in names
    }


def export_passages(passages: Iterable[Mapping[str, Any]], names: Names) -> list[dict[str, Any]]:
    """Return the passages of a run as an archive calls them."""
    passages = list(passages)
    known = passage_refs((p["chunk"] for p in passages), names)
    return [
        {"label": p["label"], "place": known.get(p["chunk"]) or export_ref(p.get("place"), names)}
        for p in passages
    ]


def export_generation_inputs(written_from: GenerationInputsData, names: Names) -> dict[str, Any]:
    """Return what sections rest on as an archive calls it; deleted sources have negative names."""
    known = passage_refs((pk for facts in written_from.values() for pk in facts["passages"]), names)
    return {
        section: {
            **{name: value for name, value in facts.items() if name != "awaited"},
            "documents": {
                names.get(int(pk), f"-{abs(int(pk))}"): title
                for pk, title in facts["documents"].items()
            },
            "passages": [
                *(known.get(pk, {}) for pk in facts["passages"]),
                *(export_ref(place, names) for place in facts.get("awaited", ())),
            ],
        }
        for section, facts in written_from.items()
    }


def export_ref(place: PassageRef | None, names: Names) -> PassageRef:
    """Return a place that is awaited here as an archive calls it."""
    if not place or place["document"] not in names:
        return {}
    given = {name: value for name, value in place.items() if name != "document"}
    return {"source": names[place["document"]], **given}


# --- Out of one -----------------------------------------------------------------------------------


def import_ref(place: PassageRef, documents: Mapping[str, int]) -> PassageRef:
    """Return a place of an archive with the source that it is here; raises KeyError, TypeError."""
    if not place or place["source"] not in documents:
        return {}
    return {
        "document": documents[place["source"]],
        "position": int(place["position"]),
        "hash": str(place["hash"]),
    }


def import_passages(
    passages: Iterable[Mapping[str, Any]], documents: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Return the passages of an archive's run as `SectionRun.passages` keeps them."""
    return with_resolved_passages(
        {"label": p["label"], "chunk": None, "place": import_ref(p["place"], documents)}
        for p in passages
    )


def import_generation_inputs(
    written_from: GenerationInputsData, documents: Mapping[str, int], runs: Mapping[int, Generation]
) -> dict[str, Any]:
    """Return what sections rest on as `Sheet.written_from` keeps it."""
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
                "awaited": [import_ref(place, documents) for place in facts["passages"]],
            }
            for section, facts in written_from.items()
        }
    )


# --- Found again ----------------------------------------------------------------------------------


def find_passages_at(awaited: Iterable[PassageRef]) -> dict[Key, int]:
    """Return the passages at these places, as far as they have been read.

    One that has moved within its source is found by its text.
    """
    wanted = {ref_key(place) for place in awaited if place}
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


def ref_key(place: PassageRef) -> Key:
    return (place["document"], place["position"], place["hash"])


def with_resolved_passages(passages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the passages of a run, those that have been read since by their id."""
    passages = list(passages)
    found = find_passages_at(p["place"] for p in passages if p.get("place"))
    return [
        {"label": p["label"], "chunk": found[key]}
        if p.get("place") and (key := ref_key(p["place"])) in found
        else dict(p)
        for p in passages
    ]


def with_resolved_inputs(written_from: GenerationInputsData) -> dict[str, Any]:
    """Return what sections rest on, with the passages that have been read since."""
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
    """Return the runs, the sheets and the proposals that may await passages of a source."""
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
    """Tell whether anything may await passages of a source."""
    return any(rows.exists() for rows in unresolved_rows(document_id))


def resolve_passage_refs(document_id: int) -> None:
    """Find the passages of a source that what was imported rests on, now that it has been read."""
    runs, sheets, proposals = unresolved_rows(document_id)
    for run in list(runs.only("passages")):
        SectionRun.objects.filter(pk=run.pk).update(passages=with_resolved_passages(run.passages))
    for rows in (sheets, proposals):
        for pk in list(rows.values_list("pk", flat=True)):
            with transaction.atomic():
                one = rows.select_for_update(of=("self",)).only("written_from").filter(pk=pk)
                for held in one:
                    rows.filter(pk=pk).update(written_from=with_resolved_inputs(held.written_from))
