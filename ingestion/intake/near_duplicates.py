"""Alike: sources whose text is nearly the same, known by a sample of each (a bottom-k sketch).

A text is the set of its shingles, runs of a few words. The smallest hashes of all of them are a
fair sample of the set, and two such samples tell which share of two texts is common: with 256 of
them to some 3 per cent. A query on an index of the hashes finds the candidates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest
from typing import NamedTuple

from django.db import connection

from ingestion.models import Document, DocumentQuerySet, MinHash
from wikico2.text.normalize import folded_words

SHINGLE_WORDS = 5
SIGNATURE_SIZE = 256
MIN_SHINGLES = 20
"""A text with fewer is too short to be said to be like another."""

MIN_SIMILARITY = 0.3
"""From this share of common shingles on, texts are said to be alike."""

WITHIN, LEAST_LIKENESS = 0.8, 0.03
"""So are texts of which the shorter has this share in the longer, where the sample can tell."""

MAX_SHOWN = 5


class TextSignature(NamedTuple):
    """A sample of a text: its smallest hashes, in order, and how many shingles it has in all."""

    hashes: tuple[int, ...]
    shingles: int


@dataclass(frozen=True)
class NearDuplicate:
    """Another source, and how much of the shorter of the two texts stands in both, in per cent."""

    document: Document
    percent: int


def compute_signature(texts: Iterable[str]) -> TextSignature:
    """Return the sample of a text that is given in parts; pure."""
    said = folded_words(" ".join(texts))
    shingles = {
        _hash_shingle(" ".join(said[at : at + SHINGLE_WORDS]))
        for at in range(max(len(said) - SHINGLE_WORDS + 1, 0))
    }
    return TextSignature(tuple(nsmallest(SIGNATURE_SIZE, shingles)), len(shingles))


def estimate_jaccard(one: TextSignature, other: TextSignature) -> float:
    """Return the share of their shingles that two texts have in common (Jaccard), estimated."""
    union = nsmallest(SIGNATURE_SIZE, {*one.hashes, *other.hashes})
    both = {*one.hashes} & {*other.hashes}
    return sum(value in both for value in union) / len(union) if union else 0.0


def estimate_containment(one: TextSignature, other: TextSignature) -> float:
    """Return the share of the shorter text that stands in the longer one, estimated."""
    alike = estimate_jaccard(one, other)
    common = alike / (1 + alike) * (one.shingles + other.shingles)
    return min(common / min(one.shingles, other.shingles), 1.0) if common else 0.0


def save_signature(document_id: int, texts: Iterable[str]) -> None:
    """Keep the sample of a source's text."""
    drawn = compute_signature(texts)
    if drawn.shingles < MIN_SHINGLES:
        MinHash.objects.filter(document=document_id).delete()
        return
    values = {"hashes": list(drawn.hashes), "shingles": drawn.shingles}
    MinHash.objects.update_or_create(document_id=document_id, defaults=values)


def find_near_duplicates(document: Document, among: DocumentQuerySet) -> list[NearDuplicate]:
    """Return the sources `among` these whose text is nearly that of `document`, most alike first.

    Those with the same content, byte by byte, are not among them.
    """
    sketch = MinHash.objects.filter(document=document.pk).first()
    if sketch is None:
        return []
    mine = TextSignature(tuple(sketch.hashes), sketch.shingles)
    candidates = MinHash.objects.filter(document__in=_candidates(document.pk, mine.hashes))
    candidates = candidates.filter(document__in=among.exclude(sha256=document.sha256))
    scored = [
        (estimate_jaccard(mine, theirs), estimate_containment(mine, theirs), other.document)
        for other in candidates.select_related("document")
        for theirs in (TextSignature(tuple(other.hashes), other.shingles),)
    ]
    near = (
        s for s in scored if s[0] >= MIN_SIMILARITY or (s[0] >= LEAST_LIKENESS and s[1] >= WITHIN)
    )
    best = sorted(near, key=lambda s: (-s[0], s[2].pk))
    return [NearDuplicate(other, round(100 * share)) for _alike, share, other in best[:MAX_SHOWN]]


def _candidates(document_id: int, hashes: Sequence[int]) -> list[int]:
    """Return the documents that share enough of the smallest hashes to be worth comparing."""
    least = max(round(len(hashes) * LEAST_LIKENESS), 1)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT document_id FROM ingestion_sketch CROSS JOIN unnest(hashes) AS hash
            WHERE hashes && %s::bigint[] AND document_id <> %s AND hash = ANY(%s::bigint[])
            GROUP BY document_id HAVING count(*) >= %s ORDER BY count(*) DESC LIMIT 50
            """,
            [list(hashes), document_id, list(hashes), least],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _hash_shingle(shingle: str) -> int:
    return int.from_bytes(blake2b(shingle.encode(), digest_size=8).digest(), "big", signed=True)
