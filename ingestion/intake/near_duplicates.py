"""Find sources with nearly the same text, by comparing MinHash signatures (bottom-k sketches).

A text is the set of its shingles: runs of a few words. Its smallest hashes are a uniform sample of
that set, and two samples estimate the share that two texts have in common: 256 hashes give an error
of some 3 per cent. A query on an index of the hashes finds the candidates.
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
"""Texts with fewer shingles are too short to be compared."""

MIN_SIMILARITY = 0.3
"""Least Jaccard similarity of near duplicates."""

MIN_CONTAINMENT, MIN_ESTIMABLE_SIMILARITY = 0.8, 0.03
"""Near duplicates are also texts of which this share of the shorter is in the longer, if their
similarity is high enough for the sample to estimate it."""

MAX_SHOWN = 5


class TextSignature(NamedTuple):
    """A text's smallest shingle hashes, ascending, and the number of all its shingles."""

    hashes: tuple[int, ...]
    shingles: int


@dataclass(frozen=True)
class NearDuplicate:
    """Another source, and the percentage of the shorter text that is also in the longer."""

    document: Document
    percent: int


def compute_signature(texts: Iterable[str]) -> TextSignature:
    """Return the signature of a text given in parts; pure."""
    words = folded_words(" ".join(texts))
    shingles = {
        _hash_shingle(" ".join(words[start : start + SHINGLE_WORDS]))
        for start in range(max(len(words) - SHINGLE_WORDS + 1, 0))
    }
    return TextSignature(tuple(nsmallest(SIGNATURE_SIZE, shingles)), len(shingles))


def estimate_jaccard(one: TextSignature, other: TextSignature) -> float:
    """Estimate the Jaccard similarity of the shingles of two texts."""
    union = nsmallest(SIGNATURE_SIZE, {*one.hashes, *other.hashes})
    both = {*one.hashes} & {*other.hashes}
    return sum(value in both for value in union) / len(union) if union else 0.0


def estimate_containment(one: TextSignature, other: TextSignature) -> float:
    """Estimate the share of the shorter text that is in the longer one."""
    jaccard = estimate_jaccard(one, other)
    common = jaccard / (1 + jaccard) * (one.shingles + other.shingles)
    return min(common / min(one.shingles, other.shingles), 1.0) if common else 0.0


def save_signature(document_id: int, texts: Iterable[str]) -> None:
    """Save the signature of a source's text; delete it if the text is too short."""
    signature = compute_signature(texts)
    if signature.shingles < MIN_SHINGLES:
        MinHash.objects.filter(document=document_id).delete()
        return
    values = {"hashes": list(signature.hashes), "shingles": signature.shingles}
    MinHash.objects.update_or_create(document_id=document_id, defaults=values)


def find_near_duplicates(document: Document, among: DocumentQuerySet) -> list[NearDuplicate]:
    """Return the sources `among` these that are near duplicates of `document`, most similar first.

    Byte-identical copies are left out.
    """
    stored = MinHash.objects.filter(document=document.pk).first()
    if stored is None:
        return []
    mine = TextSignature(tuple(stored.hashes), stored.shingles)
    candidates = MinHash.objects.filter(document__in=_candidates(document.pk, mine.hashes))
    candidates = candidates.filter(document__in=among.exclude(sha256=document.sha256))
    scored = [
        (estimate_jaccard(mine, theirs), estimate_containment(mine, theirs), other.document)
        for other in candidates.select_related("document")
        for theirs in (TextSignature(tuple(other.hashes), other.shingles),)
    ]
    near = (
        s
        for s in scored
        if s[0] >= MIN_SIMILARITY or (s[0] >= MIN_ESTIMABLE_SIMILARITY and s[1] >= MIN_CONTAINMENT)
    )
    best = sorted(near, key=lambda s: (-s[0], s[2].pk))
    return [NearDuplicate(other, round(100 * share)) for _jaccard, share, other in best[:MAX_SHOWN]]


def _candidates(document_id: int, hashes: Sequence[int]) -> list[int]:
    """Return the documents that share enough of the smallest hashes to be worth comparing."""
    least = max(round(len(hashes) * MIN_ESTIMABLE_SIMILARITY), 1)
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
