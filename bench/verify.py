"""Measure the verifier on labelled statements: `python -m bench.verify [--curve]`.

Prints, for each half of tests/gold/statements.jsonl, the share of verified statements that are true
(precision), the share of true statements that are verified (recall), the verdicts by kind, the
mistakes, and the processor time. `--curve` tries other thresholds on the half for tuning.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sheets.verification.entailment import Verdict

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")

ROOT = Path(__file__).parent.parent
GOLD = ROOT / "tests" / "gold" / "statements.jsonl"


@dataclass(frozen=True)
class Labelled:
    """A statement, the passages it cites, and its label: true, or how it was falsified."""

    statement: str
    passages: tuple[str, ...]
    kind: str  # true, digit, unit, source, invented
    half: str  # tune, report

    def verdict(self) -> Verdict:
        from sheets.verification.entailment import verify_statement

        return verify_statement(self.statement, self.passages)


@dataclass(frozen=True)
class Score:
    precision: float
    recall: float
    table: Counter[tuple[str, str]]
    mistakes: tuple[tuple[Labelled, str], ...]


def load() -> list[Labelled]:
    """Return the labelled statements with their passages, read from the demonstration PDFs."""
    rows = [json.loads(line) for line in GOLD.read_text("utf-8").splitlines()]
    return [
        Labelled(
            row["statement"],
            tuple(passage_with(row["document"], quote) for quote in row["sources"]),
            row["kind"],
            row["half"],
        )
        for row in rows
    ]


@functools.cache
def passage_with(document: str, quote: str) -> str:
    """Return the first passage of a document that holds the quote, as input of the verifier."""
    from sheets.verification.citations import contains_quote
    from sheets.verification.entailment import passage_for_verify

    for headings, text in passages(document):
        if contains_quote(text, quote):
            return passage_for_verify(titles()[document], headings, text)
    raise LookupError(f"{document} does not hold « {quote} »")


@functools.cache
def passages(document: str) -> list[tuple[tuple[str, ...], str]]:
    """Return (headings, text) of each passage of a demonstration document."""
    from ingestion.pipeline.chunk import chunk_pages
    from ingestion.readers import Limits, PageText
    from ingestion.readers.api import read_document
    from ingestion.readers.media_type import PDF

    answers = read_document(ROOT / "demo" / document, PDF, Limits())
    pages = [answer for answer in answers if isinstance(answer, PageText)]
    return [(c.headings, c.text) for c in chunk_pages(pages, size=900, overlap=120)]


@functools.cache
def titles() -> dict[str, str]:
    manifest = json.loads((ROOT / "demo" / "demo.json").read_text("utf-8"))
    return {entry["file"]: entry["title"] for entry in manifest}


def score(labelled: Sequence[Labelled]) -> Score:
    """Return precision and recall of the verdict "verified"."""
    verdicts = [(one, one.verdict().verdict) for one in labelled]
    verified = [one for one, verdict in verdicts if verdict == "verified"]
    true = [one for one in labelled if one.kind == "true"]
    hits = sum(one.kind == "true" for one in verified)
    return Score(
        hits / max(1, len(verified)),
        hits / max(1, len(true)),
        Counter((one.kind, verdict) for one, verdict in verdicts),
        tuple(
            (one, verdict)
            for one, verdict in verdicts
            if (verdict == "verified") != (one.kind == "true")
        ),
    )


def forget() -> None:
    """Clear the verifier's caches."""
    from sheets.verification import quantities
    from sheets.verification.entailment import (
        read_passage,
        split_clauses,
        word_family,
        word_meanings,
    )

    for cache in (
        quantities.find_quantities,
        quantities.find_dates,
        word_meanings,
        word_family,
        read_passage,
        split_clauses,
    ):
        cache.cache_clear()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--curve", action="store_true", help="try other thresholds")
    options = parser.parse_args()
    import django

    django.setup()
    labelled = load()
    for half in ("tune", "report"):
        show(half, [one for one in labelled if one.half == half])
    begun = time.process_time()
    forget()
    for one in labelled:
        one.verdict()
    out(f"\n{len(labelled)} statements: {1000 * (time.process_time() - begun):.0f} ms of CPU")
    if options.curve:
        curve([one for one in labelled if one.half == "tune"])
    return 0


def show(half: str, labelled: Sequence[Labelled]) -> None:
    found = score(labelled)
    out(f"\n{half}: precision {found.precision:.3f}, recall {found.recall:.3f}")
    for kind in ("true", "digit", "unit", "source", "invented"):
        counts = (f"{found.table[kind, v]:4} {v}" for v in ("verified", "weak", "broken"))
        out(f"  {kind:9}" + "".join(counts))
    for one, verdict in found.mistakes:
        out(f"  {one.kind} taken as {verdict}: {one.statement}")


def curve(labelled: Sequence[Labelled]) -> None:
    """Print precision and recall by the share of supported words required."""
    from sheets.verification import entailment

    original = entailment.SUPPORT_VERIFIED
    out("\nshare of words   precision   recall")
    for hundredths in range(40, 100, 5):
        entailment.SUPPORT_VERIFIED = hundredths / 100
        found = score(labelled)
        out(f"{hundredths / 100:14.2f}   {found.precision:9.3f}   {found.recall:6.3f}")
    entailment.SUPPORT_VERIFIED = original


def out(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
