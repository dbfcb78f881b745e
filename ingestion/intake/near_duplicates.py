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

from ingestion.models import Document, DocumentQuerySet, Sketch
from wikico2.text.normalize import words

WORDS = 5
SAMPLE = 256
LEAST_SHINGLES = 20
"""A text with fewer is too short to be said to be like another."""

LIKENESS = 0.3
"""From this share of common shingles on, texts are said to be alike."""

WITHIN, LEAST_LIKENESS = 0.8, 0.03
"""So are texts of which the shorter has this share in the longer, where the sample can tell."""

SHOWN = 5


class Drawn(NamedTuple):
    """A sample of a text: its smallest hashes, in order, and how many shingles it has in all."""

    hashes: tuple[int, ...]
    shingles: int


@dataclass(frozen=True)
class Likeness:
    """Another source, and how much of the shorter of the two texts stands in both, in per cent."""

    document: Document
    percent: int


def draw(texts: Iterable[str]) -> Drawn:
    """Return the sample of a text that is given in parts; pure."""
    said = words(" ".join(texts))
    shingles = {
        _hash(" ".join(said[at : at + WORDS])) for at in range(max(len(said) - WORDS + 1, 0))
    }
    return Drawn(tuple(nsmallest(SAMPLE, shingles)), len(shingles))


def likeness(one: Drawn, other: Drawn) -> float:
    """Return the share of their shingles that two texts have in common (Jaccard), estimated."""
    union = nsmallest(SAMPLE, {*one.hashes, *other.hashes})
    both = {*one.hashes} & {*other.hashes}
    return sum(value in both for value in union) / len(union) if union else 0.0


def shared(one: Drawn, other: Drawn) -> float:
    """Return the share of the shorter text that stands in the longer one, estimated."""
    alike = likeness(one, other)
    common = alike / (1 + alike) * (one.shingles + other.shingles)
    return min(common / min(one.shingles, other.shingles), 1.0) if common else 0.0


def remember(document_id: int, texts: Iterable[str]) -> None:
    """Keep the sample of a source's text."""
    drawn = draw(texts)
    if drawn.shingles < LEAST_SHINGLES:
        Sketch.objects.filter(document=document_id).delete()
        return
    values = {"hashes": list(drawn.hashes), "shingles": drawn.shingles}
    Sketch.objects.update_or_create(document_id=document_id, defaults=values)


def alike(document: Document, among: DocumentQuerySet) -> list[Likeness]:
    """Return the sources `among` these whose text is nearly that of `document`, most alike first.

    Those with the same content, byte by byte, are not among them.
    """
    sketch = Sketch.objects.filter(document=document.pk).first()
    if sketch is None:
        return []
    mine = Drawn(tuple(sketch.hashes), sketch.shingles)
    candidates = Sketch.objects.filter(document__in=_candidates(document.pk, mine.hashes))
    candidates = candidates.filter(document__in=among.exclude(sha256=document.sha256))
    scored = [
        (likeness(mine, theirs), shared(mine, theirs), other.document)
        for other in candidates.select_related("document")
        for theirs in (Drawn(tuple(other.hashes), other.shingles),)
    ]
    near = (s for s in scored if s[0] >= LIKENESS or (s[0] >= LEAST_LIKENESS and s[1] >= WITHIN))
    best = sorted(near, key=lambda s: (-s[0], s[2].pk))
    return [Likeness(other, round(100 * share)) for _alike, share, other in best[:SHOWN]]


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


def _hash(shingle: str) -> int:
    return int.from_bytes(blake2b(shingle.encode(), digest_size=8).digest(), "big", signed=True)
