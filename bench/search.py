"""Measure the quality and speed of search: `python -m bench.search FOLDER [options]`.

FOLDER holds `passages.jsonl` ({"id", "title", "text"}) and `questions.jsonl` ({"id", "text",
"passage"}). Builds an index in a temporary database and Chroma, and asks each question by words, by
meaning and by both: as typed, then in lower case without accents, then with a typing error in a
word of six letters or more. Vectors are cached in a file, so that only the first run computes them.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from wikico2.launcher.services.chroma import ChromaServer
from wikico2.launcher.services.postgres import PostgresServer
from wikico2.text.normalize import fold_text

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONG_WORD = re.compile(r"[^\W\d_]{6,}")
DEPTH = 10
BATCH = 500


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="multilingual-e5-small", help="a local embedding model")
    parser.add_argument(
        "--cache", type=Path, default=Path("var/bench"), help="folder of cached vectors"
    )
    parser.add_argument("--words-only", action="store_true", help="do not compute any vector")
    parser.add_argument("--only", choices=["odd", "even"], help="half of the questions")
    parser.add_argument("--times", type=int, default=1, help="index the passages several times")
    options = parser.parse_args()
    questions = [Question(**row) for row in read(options.folder / "questions.jsonl")]
    if options.only:
        questions = [q for q in questions if q.id % 2 == (options.only == "odd")]
    with services(options):
        run(options, read(options.folder / "passages.jsonl"), questions)
    return 0


class Question(NamedTuple):
    id: int
    text: str
    passage: int


class Outcome(NamedTuple):
    """For each question the rank of the right passage, from 0, and the seconds of the search."""

    ranks: list[int | None]
    seconds: list[float]

    def row(self, form: str, method: str) -> str:
        n = len(self.ranks)
        shares = [sum(r is not None and r < k for r in self.ranks) / n for k in (1, 5, 10)]
        mrr = sum(1 / (r + 1) for r in self.ranks if r is not None and r < DEPTH) / n
        cuts = statistics.quantiles(self.seconds, n=20)
        times = f"{cuts[9] * 1000:8.1f} {cuts[18] * 1000:8.1f}"
        return f"{form:12} {method:9} {' '.join(f'{s:7.3f}' for s in shares)} {mrr:7.3f} {times}"


HEADER = f"{'typed':12} {'method':9} {'r@1':>7} {'r@5':>7} {'r@10':>7} {'MRR@10':>7} {'p50 ms':>8} {'p95 ms':>8}"  # noqa: E501


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def out(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def services(options: argparse.Namespace) -> Iterator[None]:
    """Start a temporary database and Chroma, and make Django use them."""
    with tempfile.TemporaryDirectory(prefix="wikico2-bench-") as name, contextlib.ExitStack() as up:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        postgres = PostgresServer(folder / "postgres", fast=True)
        up.callback(postgres.stop)
        address = postgres.start()
        chroma = ChromaServer(folder / "chroma")
        up.callback(chroma.stop)
        chroma.start()
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "wikico2.settings",
            "WIKICO2_VAR": str(folder / "var"),
            "DATABASE_URL": address,
            "CHROMA_HOST": chroma.host,
            "CHROMA_PORT": str(chroma.port),
            "EMBEDDING_BACKEND": "local",
            "LOCAL_EMBEDDING_MODEL": options.model,
            "LOG_LEVEL": "ERROR",
        }
        import django
        from django.core.management import call_command
        from django.db import connection

        django.setup()
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        up.callback(connection.close)
        yield


def run(
    options: argparse.Namespace, passages: list[dict[str, Any]], questions: list[Question]
) -> None:
    """Build the index, ask the questions and print the results."""
    from ingestion.search import retrieve
    from ingestion.search.hybrid import WaitPolicy, embed_query, forget_questions
    from ingestion.search.query import ParsedQuery, QueryClause
    from ingestion.vector_index.collections import nearest_passages
    from ingestion.vector_index.embedders.registry import get_embedder

    begun = time.monotonic()
    ids = fill(passages, options.times)
    out(f"{len(ids)} passages read in {time.monotonic() - begun:.1f} s.")
    if not options.words_only:
        begun = time.monotonic()
        embed(options.cache / f"{options.model}.npz")
        out(f"Vectors in the index after {time.monotonic() - begun:.1f} s.")

    def ask(text: str, dense: bool) -> list[int]:
        query = ParsedQuery(text, ((QueryClause(text),),))
        finding = retrieve.find_passages(query, dense=dense, wait=WaitPolicy.PERSON)
        if finding.vector_error:
            raise finding.vector_error
        return [ids[found.entry] for found in finding.hits[:DEPTH]]

    def by_meaning(text: str) -> list[int]:
        hits = nearest_passages(embed_query(text), DEPTH, model=get_embedder().name)
        return [ids[pk] for pk, _similarity in hits]

    methods: dict[str, Callable[[str], list[int]]] = {"words": lambda text: ask(text, False)}
    if not options.words_only:
        methods |= {"meaning": by_meaning, "both": lambda text: ask(text, True)}
    out(HEADER)
    for form, texts in forms(questions).items():
        for name, method in methods.items():
            forget_questions()
            out(measured(method, texts, questions).row(form, name))


def forms(questions: Sequence[Question]) -> dict[str, list[str]]:
    """Return the questions as typed, without accents, and with a typing error."""
    rng = random.Random(7)  # noqa: S311 (the same errors each time)
    texts = [question.text for question in questions]
    return {
        "as typed": texts,
        "no accents": [fold_text(text) for text in texts],
        "one slip": [with_typo(text, rng) for text in texts],
    }


def with_typo(text: str, rng: random.Random) -> str:
    """Return the text with a letter of one long word missing, swapped, changed or added."""
    spans = [match.span() for match in LONG_WORD.finditer(text)]
    if not spans:
        return text
    start, end = rng.choice(spans)
    at = rng.randrange(start + 1, end - 1)
    letter = rng.choice(LETTERS)
    return {
        "missed": text[:at] + text[at + 1 :],
        "swapped": text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        "changed": text[:at] + letter + text[at + 1 :],
        "added": text[:at] + letter + text[at:],
    }[rng.choice(["missed", "swapped", "changed", "added"])]


def measured(
    method: Callable[[str], list[int]], texts: Sequence[str], questions: Sequence[Question]
) -> Outcome:
    method("Une question pour se mettre en train")
    ranks: list[int | None] = []
    seconds: list[float] = []
    for text, question in zip(texts, questions, strict=True):
        begun = time.perf_counter()
        found = method(text)
        seconds.append(time.perf_counter() - begun)
        ranks.append(found.index(question.passage) if question.passage in found else None)
    return Outcome(ranks, seconds)


def fill(passages: list[dict[str, Any]], times: int) -> dict[int, int]:
    """Create a source for each title with its passages; return passage ids by chunk id."""
    from django.db import connection

    from ingestion.models import Chunk, Document
    from ingestion.search import postings, spelling

    documents: dict[str, Document] = {}
    for title in dict.fromkeys(row["title"] for row in passages):
        digest = hashlib.sha256(title.encode()).hexdigest()
        documents[title] = Document(title=title[:300], sha256=digest, size=1, state="ready")
    Document.objects.bulk_create(documents.values())
    ids: dict[int, int] = {}
    last_positions: dict[int, int] = {}
    for _time in range(times):
        for start in range(0, len(passages), BATCH):
            rows = []
            for row in passages[start : start + BATCH]:
                document = documents[row["title"]]
                position = last_positions[document.pk] = last_positions.get(document.pk, -1) + 1
                text, headings = row["text"].replace("\0", " "), [row["title"]]
                key = "\x1f".join((*headings, text)).encode()
                rows.append(
                    Chunk(
                        document=document,
                        position=position,
                        text=text,
                        headings=headings,
                        page_start=1,
                        page_end=1,
                        content_hash=hashlib.sha256(key).hexdigest(),
                    )
                )
            Chunk.objects.bulk_create(rows)
            ids |= {chunk.pk: row["id"] for chunk, row in zip(rows, passages[start:], strict=False)}
    spelling.learn_words(row["text"] for row in passages)
    postings.compact_tallies(Chunk._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return ids


def embed(cache: Path) -> None:
    """Compute the vectors missing from the cache, save them to it, and index all."""
    import numpy as np

    from ingestion.models import Chunk, Document, Vector
    from ingestion.vector_index import collections
    from ingestion.vector_index.embed import embed_chunks, store_vectors
    from ingestion.vector_index.embedders.registry import get_embedder

    embedder = get_embedder()
    if cache.exists():
        cached = np.load(cache)
        store_vectors(list(cached["hashes"]), cached["vectors"], embedder.name)
    try:
        embed_chunks(Chunk.objects.all(), embedder)
    finally:
        rows = list(Vector.objects.filter(model=embedder.name))
        if rows:
            cache.parent.mkdir(parents=True, exist_ok=True)
            hashes = np.array([row.content_hash for row in rows])
            np.savez(cache, hashes=hashes, vectors=np.stack([row.values for row in rows]))
    for pk in Document.objects.order_by("pk").values_list("pk", flat=True):
        collections.index_document(pk, embedder.name)


if __name__ == "__main__":
    sys.exit(main())
