"""Measure how many known facts reach the writer and the sheet: `python -m bench.facts [--missing]`.

Needs a wiki with the demonstration documents (`make run` loads them). For each writer, prints the
share of the facts of tests/gold/facts.jsonl found in the passages given for their section, in that
section of the sheet, and anywhere in the sheet. Uses the model of the settings; without a model
service, only the passages that it would be given are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.models import Document
    from sheets.schema.types import SheetTemplate
    from sheets.writers.base import Writer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")

GOLD = Path(__file__).parent.parent / "tests" / "gold" / "facts.jsonl"
Fact = dict[str, Any]


@dataclass(frozen=True)
class Reached:
    """Whether a fact was in the passages shown, in its section, and in the sheet."""

    fact: Fact
    shown: bool
    in_section: bool
    in_sheet: bool


def facts() -> list[Fact]:
    rows: list[Fact] = [json.loads(line) for line in GOLD.read_text("utf-8").splitlines()]
    return rows


def follow(
    document: Document, make_writer: Callable[[SheetTemplate], Writer], *, write: bool = True
) -> list[Reached]:
    """Write a demonstration document's sheet, without saving it, and look for its facts."""
    from sheets.models import SheetType
    from sheets.models.schema_loader import load_template
    from sheets.verification.citations import contains_quote, drop_unsupported
    from sheets.writers.context import gather_evidence
    from wikico2.llm.client import RetryPolicy

    wanted = [f for f in facts() if f["document"] == document.filename]
    template = load_template(SheetType.objects.get(key=wanted[0]["sheet_type"]))
    writer = make_writer(template)
    shown: dict[str, str] = {}
    written: dict[str, str] = {}
    for section in template.written:
        evidence = gather_evidence(document.title, section, writer, [document.pk])
        shown[section.key] = "\n\n".join(p.text for p in evidence.shown.values())
        if write:
            draft = writer.write(document.title, section, evidence, RetryPolicy.from_settings())
            supported = drop_unsupported(draft, evidence.shown)
            written[section.key] = "\n\n".join(
                text for f in supported.fields for text in texts_of(f)
            )
    whole = "\n\n".join(written.values())
    return [
        Reached(
            f,
            contains_quote(shown[f["section"]], f["fact"]),
            contains_quote(written.get(f["section"], ""), f["fact"]),
            contains_quote(whole, f["fact"]),
        )
        for f in wanted
    ]


def texts_of(field: Any) -> Iterable[str]:
    yield from (s.text for s in field.statements)
    yield from (" | ".join(r.cells) for r in field.rows)


def share(reached: Iterable[Reached], stage: str) -> float:
    """Return the share of facts that reached a stage: shown, in_section, in_sheet."""
    votes = [getattr(r, stage) for r in reached]
    return sum(map(bool, votes)) / max(1, len(votes))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--missing", action="store_true", help="list the facts that are missing")
    options = parser.parse_args()
    import django

    django.setup()
    from django.conf import settings

    from ingestion.models import Document
    from ingestion.vector_index.embedders.registry import get_embedder
    from sheets.models import Prompt
    from sheets.writers.extractive import ExtractiveWriter
    from sheets.writers.llm import ModelWriter

    documents = Document.objects.ready().filter(filename__in={f["document"] for f in facts()})
    text = Prompt.objects.current().text
    writers: list[tuple[str, Callable[[SheetTemplate], Writer], bool]] = [
        ("local", lambda template: ExtractiveWriter(template, get_embedder()), True),
        ("model", lambda template: ModelWriter(text), settings.LLM_BACKEND == "openai"),
    ]
    for name, make_writer, write in writers:
        reached = [r for d in documents for r in follow(d, make_writer, write=write)]
        stages = ("shown", "in_section", "in_sheet") if write else ("shown",)
        shares = ", ".join(f"{stage} {share(reached, stage):.2f}" for stage in stages)
        out(f"{name}: {len(reached)} facts; {shares}")
        if options.missing:
            for r in reached:
                if not (r.in_section if write else r.shown):
                    place = f"{r.fact['section']}/{r.fact['field']}"
                    mark = "" if r.shown else " (not shown)"
                    out(f"  {r.fact['document'][:12]} {place}: {r.fact['fact']}{mark}")
    return 0


def out(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
