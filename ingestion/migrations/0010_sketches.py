"""Draw the sketches of the sources that were read before there were any."""

import re
import unicodedata
from collections.abc import Iterable
from hashlib import blake2b
from heapq import nsmallest

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SHINGLE_WORDS, SAMPLE, LEAST_SHINGLES = 5, 256, 20
LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "Œ": "oe", "Æ": "ae", "ß": "ss", "’": "'"})


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without accents."""
    folded = unicodedata.normalize("NFKD", text.translate(LETTERS)).lower()
    return re.findall(r"[a-z0-9]+", "".join(c for c in folded if not unicodedata.combining(c)))


def hash_of(shingle: str) -> int:
    return int.from_bytes(blake2b(shingle.encode(), digest_size=8).digest(), "big", signed=True)


def draw(texts: Iterable[str]) -> tuple[list[int], int]:
    """Return the smallest hashes of a text's shingles, in order, and how many shingles it has."""
    said = words(" ".join(texts))
    hashes = {
        hash_of(" ".join(said[at : at + SHINGLE_WORDS]))
        for at in range(max(len(said) - SHINGLE_WORDS + 1, 0))
    }
    return nsmallest(SAMPLE, hashes), len(hashes)


def sketch(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Draw a sketch of each source that has pages."""
    documents = apps.get_model("ingestion", "Document").objects
    sketches = apps.get_model("ingestion", "Sketch").objects  # type: ignore[misc]
    for document in documents.filter(pages__isnull=False).distinct().only("pk").iterator():
        hashes, shingles = draw(document.pages.order_by("number").values_list("text", flat=True))
        if shingles >= LEAST_SHINGLES:
            sketches.create(document=document, hashes=hashes, shingles=shingles)


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0009_sources_described")]
    operations = [migrations.RunPython(sketch, migrations.RunPython.noop)]
