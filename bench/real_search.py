"""Measure search over real documents: `python -m bench.real_search FOLDER [options]`.

Asks the questions of tests/gold/real/questions.jsonl of the documents of a folder, known by their
hash, in a temporary wiki: by words, by meaning and words, and how many passages are relevant to
those that have no answer there. Tune and held halves are printed apart.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.real_documents import GOLD, find_files, holds, load_documents, read_lines
from bench.search import embed, out, services

DEPTH = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="multilingual-e5-small", help="a local embedding model")
    parser.add_argument("--cache", type=Path, default=Path("var/bench"), help="of the vectors")
    parser.add_argument("--show", action="store_true", help="list what is not found, of tune only")
    options = parser.parse_args()
    questions = read_lines(GOLD / "questions.jsonl")
    files = find_files(options.folder, {q["document"] for q in questions})
    questions = [q for q in questions if q["document"] in files or not q["document"]]
    with services(options):
        documents = load_documents(files)
        embed(options.cache / f"{options.model}.npz")
        for half in ("tune", "held"):
            asked = [q for q in questions if q["half"] == half]
            measure(half, asked, documents, show=options.show and half == "tune")
    return 0


def measure(
    half: str, questions: Sequence[dict[str, Any]], documents: dict[str, Any], *, show: bool
) -> None:
    """Ask the questions in both ways, and print the shares found at 1, 5 and 10."""
    from ingestion.models import Chunk
    from ingestion.search.hybrid import WaitPolicy
    from ingestion.search.query import parse_query
    from ingestion.search.retrieve import find_passages
    from sheets.search.service import relevant_hits

    chunks = list(Chunk.objects.defer("search"))
    for name, dense in (("words", False), ("both", True)):
        ranks: list[int] = []
        empty: list[bool] = []
        lost, cpu = 0, []
        for asked in questions:
            begun = time.process_time()
            result = find_passages(
                parse_query(asked["question"]), dense=dense, wait=WaitPolicy.PERSON
            )
            cpu.append(time.process_time() - begun)
            relevant = relevant_hits(result)
            found = [hit.entry for hit in result.hits]
            if not asked["document"]:
                empty.append(not relevant)
                if show and relevant:
                    out(f"  found for: {asked['question']}")
                continue
            right = {
                c.pk
                for c in chunks
                if c.document_id == documents[asked["document"]].pk
                and any(c.page_start <= page <= c.page_end for page in asked["pages"])
                and holds(c.text, asked["find"])
            }
            ranks.append(next((n for n, pk in enumerate(found) if pk in right), len(chunks)))
            lost += not any(hit.entry in right for hit in relevant)
            if show and ranks[-1] >= DEPTH:
                out(f"  not among the first {DEPTH}: {asked['question']}")
        shares = " ".join(f"{sum(r < k for r in ranks) / len(ranks):.3f}" for k in (1, 5, DEPTH))
        out(
            f"{half} {name}: {len(ranks)} answered, at 1, 5, {DEPTH}: {shares}; {lost} answers "
            f"left out; nothing found for {sum(empty)} of {len(empty)} without an answer; "
            f"{statistics.median(cpu) * 1000:.0f} ms of processor time"
        )


if __name__ == "__main__":
    sys.exit(main())
