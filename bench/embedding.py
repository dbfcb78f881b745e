"""Measure how fast passages are embedded and indexed, on real processes.

`python -m bench.embedding [--passages 10000] [--dimensions 3584]`: one document, and a model
service that takes 150 ms a request and 2 ms a text and grants 400 requests a minute. Prints the
time of embedding beside the shortest that rate limit and latency allow, and the time of embedding
and indexing together beside that of the slower one.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.harness import SiteHarness, as_table, out, retry_while_down, wait_until

if TYPE_CHECKING:
    from ingestion.models import Chunk, Document

LATENCY, PER_TEXT, GRANTED = 0.150, 0.002, 400
BATCH, AT_ONCE = 32, 4


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=3_584)
    options = parser.parse_args()
    service = ["--dimensions", str(options.dimensions), "--granted", str(GRANTED)]
    settings = {"EMBEDDING_DIMENSIONS": str(options.dimensions), "LOG_LEVEL": "WARNING"}
    with SiteHarness(*service, **settings) as harness:
        import django

        django.setup()
        harness.start_worker()
        times = measure(options.passages)
        stats = harness.service_stats()
        from django.db import connections

        connections.close_all()
    best = shortest_seconds(options.passages)
    slower = max(times["embedding"], times["indexing alone"])
    rows = {name: f"{seconds:.1f} s" for name, seconds in times.items()} | {
        "embedding at best": f"{best:.1f} s",
        "embedding / at best": f"{times['embedding'] / best:.2f}",
        "whole / slower of the two": f"{times['whole'] / slower:.2f}",
        "requests": f"{stats['requests']} for {math.ceil(options.passages / BATCH)} batches",
        "answers 429": stats["too_many"],
    }
    out(f"{options.passages} passages, {options.dimensions} numbers:\n{as_table(rows)}")
    return 0


def shortest_seconds(passages: int) -> float:
    """Return the shortest time that latency and rate limit allow, in seconds."""
    requests = math.ceil(passages / BATCH)
    latency = math.ceil(requests / AT_ONCE) * (LATENCY + PER_TEXT * BATCH)
    return max(latency, 60.0 * ((requests - 1) // GRANTED))


def measure(passages: int) -> dict[str, float]:
    """Process a document of `passages` passages until `ready`; return the seconds of each part."""
    from ingestion.kinds import DOCUMENT
    from ingestion.models import Chunk, Document
    from ingestion.vector_index.collections import count_vectors, drop_model_collection
    from ingestion.vector_index.consistency import fill_collection
    from ingestion.vector_index.embed import without_vector
    from ingestion.vector_index.rebuild import search_embedder
    from ingestion.vector_index.registry import indexed_models
    from wikico2.jobs.queue import start_job, workers_alive

    wait_until(workers_alive, 60)
    document = Document.objects.create(
        title="Mesure", filename="mesure.pdf", sha256="0" * 64, size=1, state="cancelled"
    )
    Chunk.objects.bulk_create(make_chunks(document, passages), batch_size=1_000)
    model = search_embedder().name
    begun = time.monotonic()
    Document.objects.update(state="embedding")
    start_job(DOCUMENT, document.pk)
    embedded = 0.0
    while True:
        time.sleep(0.05)
        document.refresh_from_db()
        if not embedded and document.state in ("indexing", "ready"):
            embedded = time.monotonic() - begun
        if not document.is_working:
            break
    whole = time.monotonic() - begun
    missing = retry_while_down(without_vector(Chunk.objects.all(), model).count)
    if not document.is_ready or missing:
        raise SystemExit(f"{document.state}: {document.error}; {missing} without vector of {model}")
    if count_vectors(model) != passages:
        raise SystemExit(f"{count_vectors(model)} of {passages} passages in the index")
    drop_model_collection(model)
    begun = time.monotonic()
    fill_collection(indexed_models()[0], document.pk, search_embedder())
    alone = time.monotonic() - begun
    return {"embedding": embedded, "indexing alone": alone, "whole": whole}


def make_chunks(document: Document, passages: int) -> Iterator[Chunk]:
    """Yield distinct passages of 900 characters."""
    from ingestion.models import Chunk

    for position in range(passages):
        text = f"Le four {position} consomme {position * 7 % 997} kWh par tonne produite. " * 15
        yield Chunk(
            document=document,
            position=position,
            text=text,
            page_start=1,
            page_end=1,
            content_hash=hashlib.sha256(text.encode()).hexdigest(),
        )


if __name__ == "__main__":
    sys.exit(main())
