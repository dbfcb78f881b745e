"""Measure how search time grows: `python -m bench.growth [--sizes 1000 10000 100000]`.

Generates a wiki in a database and a Chroma of its own, with the given number of passages and a
sheet for every ten of them. Word frequencies are Zipf-like, as in a language; vectors are random,
which is harder for the index than real ones. For each size prints medians and 95th percentiles in
milliseconds: the results page end to end (the query embedded on the CPU), search by words alone,
suggestions, and saving a sheet until it is indexed. `--planted` instead asks 28 queries with one
right page each among 2,000 sheets that use the same words, and prints which pages are found.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.search import BATCH, out, read, services

if TYPE_CHECKING:
    from sheets.models import Sheet

PASSAGES_OF_A_DOCUMENT = 500
PASSAGES_OF_A_SHEET = 10
DISTINCT = 5_000  # further passages repeat the words of earlier ones
VOCABULARY = 30_000
DIMENSIONS = 384
HEADER = f"{'':28} {'p50 ms':>8} {'p95 ms':>8}"
SYLLABLES = (
    "cha leur ré cu pé ra tion com pres seur air va peur gaz é ner gie ren de ment mo teur tur bi "
    "ne four sé cheur fil tre cui vre a cier pom pe dé bit vo lu me sta ti que li gne"
).split()

PLANTED = Path(__file__).parent.parent / "tests" / "gold" / "planted.jsonl"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--sheets", type=int, default=10_000, help="largest number of sheets")
    parser.add_argument("--planted", action="store_true", help="28 queries over 2,000 sheets")
    options = parser.parse_args()
    with services(argparse.Namespace(model="multilingual-e5-small")):
        from django.conf import settings

        settings.ALLOWED_HOSTS = ["*"]
        rng = random.Random(7)  # noqa: S311 (the same wiki each time)
        wiki = Wiki(rng, options.sheets)
        if options.planted:
            return ask_planted(wiki)
        for size in options.sizes:
            begun = time.monotonic()
            wiki.grow(size)
            wiki.index_all()
            made = time.monotonic() - begun
            out(f"{size} passages, {len(wiki.sheets)} sheets, made in {made:.0f} s")
            measure(wiki, options.queries)
    return 0


class Wiki:
    """Generates documents and sheets of random words."""

    def __init__(self, rng: random.Random, max_sheets: int = 10_000) -> None:
        from sheets.models import SheetType

        self.rng, self.max_sheets = rng, max_sheets
        self.words = sorted({self._word() for _ in range(2 * VOCABULARY)})[:VOCABULARY]
        rng.shuffle(self.words)
        weights = itertools.accumulate(1 / (n + 10) for n in range(len(self.words)))
        self.weights = list(weights)
        self.sheets: list[int] = []
        self.passages = 0
        self.kind = SheetType.objects.get(key="solution")

    def _word(self) -> str:
        return "".join(self.rng.choices(SYLLABLES, k=self.rng.randint(2, 4)))

    def random_words(self, count: int) -> list[str]:
        return self.rng.choices(self.words, cum_weights=self.weights, k=count)

    def sentences(self, count: int) -> str:
        return " ".join(f"{' '.join(self.random_words(12)).capitalize()}." for _ in range(count))

    def rare_word(self) -> str:
        """Return a rare word."""
        return self.rng.choice(self.words[300:5_000])

    def grow(self, passages: int) -> None:
        """Add documents until there are `passages` passages, and the sheets that go with them."""
        while self.passages < min(passages, DISTINCT):
            self.add_document(min(PASSAGES_OF_A_DOCUMENT, passages - self.passages))
        while self.passages < passages:
            self.repeat_document()
        while len(self.sheets) < min(passages // PASSAGES_OF_A_SHEET, self.max_sheets):
            self.add_sheet(" ".join(self.random_words(3)).capitalize(), self.sentences(30))

    def add_document(self, size: int) -> None:
        from ingestion.models import Chunk, Document

        title = " ".join(self.random_words(4)).capitalize()
        digest = hashlib.sha256(f"{self.passages}".encode()).hexdigest()
        document = Document.objects.create(title=title, sha256=digest, size=1, state="ready")
        rows = []
        for position in range(size):
            text = self.sentences(8)
            rows.append(
                Chunk(
                    document=document,
                    position=position,
                    text=text,
                    headings=[" ".join(self.random_words(3))],
                    page_start=position // 3 + 1,
                    page_end=position // 3 + 1,
                    content_hash=hashlib.sha256(text.encode()).hexdigest(),
                )
            )
        Chunk.objects.bulk_create(rows, batch_size=BATCH)
        self.passages += size

    def repeat_document(self) -> None:
        """Add a document with the words of an earlier one but other vectors."""
        from django.db import connection

        from ingestion.models import Chunk, Document

        first = Document.objects.order_by("pk")[self.passages // PASSAGES_OF_A_DOCUMENT % 8]
        digest = hashlib.sha256(f"{self.passages}".encode()).hexdigest()
        title = " ".join(self.random_words(4)).capitalize()
        document = Document.objects.create(title=title, sha256=digest, size=1, state="ready")
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO ingestion_chunk (document_id, position, text, headings, kind,
                    page_start, page_end, content_hash, search)
                SELECT %s, position, text, headings, kind, page_start, page_end,
                    md5(content_hash || %s) || md5(%s || content_hash), search
                FROM ingestion_chunk WHERE document_id = %s
                """,
                [document.pk, digest, digest, first.pk],
            )
        self.passages += Chunk.objects.filter(document=document).count()

    def add_sheet(self, title: str, text: str) -> Sheet:
        from sheets.models import Revision, Sheet

        body = f"## 📖 Définition\n\n{text}\n"
        sheet = Sheet.objects.create(
            title=title, slug=f"fiche-{len(self.sheets)}", sheet_type=self.kind
        )
        sheet.current = Revision.objects.create(sheet=sheet, number=1, body=body, origin="human")
        sheet.save(update_fields=["current"])  # which indexes its words
        self.sheets.append(sheet.pk)
        return sheet

    def index_all(self) -> None:
        """Index the vectors of new rows, learn the words for spelling, and vacuum the database."""
        from django.db import connection

        from ingestion.models import Chunk
        from ingestion.search import postings, spelling
        from ingestion.vector_index.collections import PASSAGES
        from sheets.models import SearchedSection
        from sheets.search.indexing import SECTIONS

        spelling.learn_words(self.words)
        for shelf, rows, owner in (
            (PASSAGES, Chunk.objects, "document"),
            (SECTIONS, SearchedSection.objects, "sheet"),
        ):
            index_vectors(
                shelf, rows.values_list("pk", f"{owner}_id", "content_hash").order_by("pk")
            )
        for table in (Chunk._meta.db_table, "sheets_searchedsheet"):
            postings.compact_tallies(table)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def index_vectors(shelf: Any, rows: Any) -> None:
    """Index the rows without a vector, with a random one seeded by their hash."""
    import numpy as np

    from ingestion.models import Vector
    from ingestion.vector_index.chroma_client import get_or_create_collection
    from ingestion.vector_index.collections import collection_name
    from ingestion.vector_index.embed import store_vectors
    from ingestion.vector_index.embedders.registry import get_embedder

    model = get_embedder().name
    collection = get_or_create_collection(collection_name(model, shelf))
    known = set(Vector.objects.values_list("content_hash", flat=True))
    new = [row for row in rows.iterator() if row[2] not in known]
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        hashes = [row[2] for row in batch]
        vectors = np.stack([random_vector(h) for h in hashes])
        store_vectors(hashes, vectors, model)
        collection.upsert(
            ids=[str(row[0]) for row in batch],
            vectors=[vector.tobytes() for vector in vectors],
            metadatas=[{shelf.owner: row[1], "hash": row[2]} for row in batch],
        )


def random_vector(content_hash: str) -> Any:
    import numpy as np

    vector = np.random.default_rng(int(content_hash[:16], 16)).normal(size=DIMENSIONS)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def measure(wiki: Wiki, count: int) -> None:
    from django.contrib.auth.models import AnonymousUser
    from django.test import Client

    import wikico2.wsgi  # noqa: F401  (load all views, as a web process does)
    from sheets.search import Kind, search_wiki

    client, anonymous = Client(), AnonymousUser()
    queries = list(make_queries(wiki, count))
    out(HEADER)
    kinds: tuple[Kind, ...] = ("sheets", "sources")
    for kind in kinds:
        tab = {"type": "sources"} if kind == "sources" else {}
        pages = [partial(get, client, "/recherche/", {"q": q, **tab}) for q in queries]
        timed(f"page, {kind}", pages)
        by_words = [
            partial(search_wiki, q, user=anonymous, kind=kind, dense=False) for q in queries
        ]
        timed(f"by words, {kind}", by_words)
    beginnings = [{"q": q.split()[0][:5]} for q in queries]
    timed("suggestions", [partial(get, client, "/recherche/suggestions/", b) for b in beginnings])
    timed("sheet saved until found", [partial(save, wiki)] * min(count, 20))


def get(client: Any, path: str, data: dict[str, str]) -> None:
    response = client.get(path, data)
    assert response.status_code == 200, response.status_code


def make_queries(wiki: Wiki, count: int) -> Iterator[str]:
    """Yield queries of one to three words; one in five has a typing error in its last word."""
    for number in range(count):
        words = [*wiki.random_words(number % 3), wiki.rare_word()]
        if number % 5 == 0:
            words[-1] = words[-1][:-1] + "x"
        yield " ".join(words)


def save(wiki: Wiki) -> None:
    """Add words to a random sheet, save it, and index it as the queue does."""
    from sheets.models import Revision, Sheet
    from sheets.revisions.save import save_revision
    from wikico2.jobs.runner import run_next

    sheet = Sheet.objects.get(pk=wiki.rng.choice(wiki.sheets))
    base = sheet.current
    assert base is not None
    body = f"{base.body}\n{wiki.sentences(2)}\n"
    save_revision(sheet, base=base, body=body, metadata={}, origin=Revision.Origin.HUMAN)
    run_next()


def timed(name: str, calls: Sequence[Callable[[], object]]) -> None:
    """Print the median and 95th percentile of the calls after three warm-up calls."""
    for call in calls[:3]:
        call()
    seconds = []
    for call in calls[3:]:
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    cuts = statistics.quantiles(seconds, n=20)
    out(f"  {name:26} {cuts[9] * 1000:8.1f} {cuts[18] * 1000:8.1f}")


def ask_planted(wiki: Wiki) -> int:
    from django.contrib.auth.models import AnonymousUser

    from sheets.search import search_wiki
    from sheets.search.indexing import learn_sheet_words

    planted = read(PLANTED)
    pages = [*planted, *[None] * (2_000 - len(planted))]
    wiki.rng.shuffle(pages)
    known = [word for page in planted for word in f"{page['title']} {page['text']}".split()]
    for page in pages:
        # The other pages use the same words, in random order.
        title = page["title"] if page else " ".join(wiki.random_words(3)).capitalize()
        text = page["text"] if page else f"{' '.join(wiki.rng.sample(known, 12))}."
        sheet = wiki.add_sheet(title, f"{wiki.sentences(10)} {text} {wiki.sentences(10)}")
        if page:
            learn_sheet_words(sheet)
    wiki.index_all()
    found = 0
    for page in planted:
        hits = search_wiki(page["q"], user=AnonymousUser(), page_size=3, dense=False).hits
        titles = [hit.title for hit in hits]
        good = page["title"] in titles
        found += good
        out(f"{'found ' if good else 'MISSED'} {page['form']:10} {page['q']:45} {titles}")
    out(f"{found} of {len(planted)} among the first three, by words alone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
