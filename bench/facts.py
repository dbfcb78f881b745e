"""Measure how many known facts reach the writer and the sheet: `python -m bench.facts [FOLDER]`.

Without a folder: the facts of the demonstration documents (tests/gold/facts.jsonl), in a wiki that
has them (`make run` loads them), with the model of the settings.

With a folder of real documents: the facts of tests/gold/real/facts.jsonl, in a temporary wiki, by
a local embedding model. Facts are held as bare figures and terms with the hash of the document and
the page; those of documents that are not in the folder are left out. The marks of
tests/gold/real/marks tell which fields are filled on topic, and for which a marked answer is among
the candidates. Tune and held halves are printed apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.drawn_sheet import DrawnSheet, draw_sheet
from bench.field_marks import Mark, MarkedField, follow_marks, print_unreached, report
from bench.real_documents import GOLD as REAL
from bench.real_documents import find_files, holds, load_documents, read_lines

if TYPE_CHECKING:
    from ingestion.models import Document
    from sheets.schema.types import SheetTemplate
    from sheets.writers.base import Writer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")

GOLD = Path(__file__).parent.parent / "tests" / "gold" / "facts.jsonl"
Fact = dict[str, Any]


@dataclass(frozen=True)
class Reached:
    """Whether a fact was in the passages shown, in its field, its section, and in the sheet."""

    fact: Fact
    shown: bool
    in_section: bool
    in_sheet: bool
    in_field: bool = False


def facts() -> list[Fact]:
    rows: list[Fact] = [json.loads(line) for line in GOLD.read_text("utf-8").splitlines()]
    return rows


def follow(
    document: Document, make_writer: Callable[[SheetTemplate], Writer], *, write: bool = True
) -> list[Reached]:
    """Write a demonstration document's sheet, without saving it, and look for its facts."""
    from sheets.verification.citations import contains_quote

    wanted = [f for f in facts() if f["document"] == document.filename]
    drawn = draw_sheet(
        document.title, wanted[0]["sheet_type"], [document], make_writer, write=write
    )
    return [
        Reached(
            f,
            contains_quote(drawn.shown_text(f["section"]), f["fact"]),
            contains_quote(drawn.section_text(f["section"]), f["fact"]),
            contains_quote(drawn.text, f["fact"]),
            contains_quote(drawn.field_text(f["section"], f["field"]), f["fact"]),
        )
        for f in wanted
    ]


def share(reached: Iterable[Reached], stage: str) -> float:
    """Return the share of facts that reached a stage: shown, in_field, in_section, in_sheet."""
    votes = [getattr(r, stage) for r in reached]
    return sum(map(bool, votes)) / max(1, len(votes))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, help="a folder of real documents")
    parser.add_argument("--missing", action="store_true", help="list the facts that are missing")
    parser.add_argument("--model", default="multilingual-e5-small", help="a local embedding model")
    parser.add_argument("--cache", type=Path, default=Path("var/bench"), help="of the vectors")
    parser.add_argument("--only", choices=["tune", "held"], help="one half")
    parser.add_argument("--shown", action="store_true", help="do not write, only retrieve")
    options = parser.parse_args()
    return measure_real(options) if options.folder else measure_demonstration(options)


def measure_demonstration(options: argparse.Namespace) -> int:
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
            print_missing(r for r in reached if not (r.in_section if write else r.shown))
    return 0


def print_missing(reached: Iterable[Reached]) -> None:
    for r in reached:
        wanted = r.fact.get("fact") or f"p. {r.fact['page']}: {r.fact['about']} {r.fact['find']}"
        mark = "" if r.shown else " (not shown)"
        out(f"  {r.fact['document'][:12]} {r.fact['section']}/{r.fact['field']}: {wanted}{mark}")


# --- Real documents -------------------------------------------------------------------------------


def measure_real(options: argparse.Namespace) -> int:
    """Measure the facts about the documents of a folder, in a temporary wiki."""
    from bench.search import embed, services

    wanted, marks = (
        [row for row in rows if options.only in (None, row["half"])]
        for rows in (
            read_lines(REAL / "facts.jsonl"),
            read_lines(*sorted((REAL / "marks").glob("*.jsonl"))),
        )
    )
    named = {f["document"] for f in wanted} | {d for m in marks for d in m["documents"]}
    files = find_files(options.folder, named)
    wanted = [f for f in wanted if f["document"] in files]
    marks = [m for m in marks if files.keys() >= set(m["documents"])]
    if not wanted:
        out("None of the documents of tests/gold/real/facts.jsonl is in the folder.")
        return 1
    with services(options):
        documents = load_documents(files)
        embed(options.cache / f"{options.model}.npz")
        reached = follow_real(wanted, documents, write=not options.shown)
        marked = [] if options.shown else follow_sheets(marks, documents)
    for half in ("tune", "held"):
        print_half(half, reached, marked, written=not options.shown)
    if options.missing:
        print_missing(r for r in reached["model"] if not r.shown)
        print_unreached([f for f in marked if f.mark["half"] == "tune"], out)
    return 0


def print_half(
    half: str,
    reached: Mapping[str, Sequence[Reached]],
    marked: Sequence[MarkedField],
    *,
    written: bool,
) -> None:
    """Print what was reached of one half of the facts and of the marked fields."""
    for name, found in reached.items():
        if of_half := [r for r in found if r.fact["half"] == half]:
            stages: tuple[str, ...] = ("shown",)
            if name == "local" and written:
                stages += ("in_field", "in_section", "in_sheet")
            shares = ", ".join(f"{stage} {share(of_half, stage):.2f}" for stage in stages)
            out(f"{half} {name}: {len(of_half)} facts; {shares}")
    if fields := [f for f in marked if f.mark["half"] == half]:
        out(f"{half} marks: {report(fields)}")


def follow_sheets(marks: Sequence[Mark], documents: Mapping[str, Document]) -> list[MarkedField]:
    """Draw the marked sheets without a language model; return what became of their fields."""
    from ingestion.vector_index.embedders.registry import get_embedder
    from sheets.writers.extractive import ExtractiveWriter

    found: list[MarkedField] = []
    for title in dict.fromkeys(mark["sheet"] for mark in marks):
        own = [mark for mark in marks if mark["sheet"] == title]
        drawn = draw_sheet(
            title,
            own[0]["sheet_type"],
            [documents[digest] for digest in own[0]["documents"]],
            lambda template: ExtractiveWriter(template, get_embedder()),
        )
        found += follow_marks(own, drawn, documents)
    return found


def follow_real(
    wanted: Sequence[Fact], documents: Mapping[str, Document], *, write: bool
) -> dict[str, list[Reached]]:
    """Draw the sheet of each document by both writers, and look for its facts."""
    from ingestion.vector_index.embedders.registry import get_embedder
    from sheets.models import Prompt
    from sheets.writers.extractive import ExtractiveWriter
    from sheets.writers.llm import ModelWriter

    text = Prompt.objects.current().text
    writers: dict[str, Callable[[SheetTemplate], Writer]] = {
        "model": lambda template: ModelWriter(text),
        "local": lambda template: ExtractiveWriter(template, get_embedder()),
    }
    reached: dict[str, list[Reached]] = {name: [] for name in writers}
    sheets = dict.fromkeys((f["sheet"], f["sheet_type"], f["document"]) for f in wanted)
    for title, sheet_type, digest in sheets:
        for name, make_writer in writers.items():
            drawn = draw_sheet(
                title,
                sheet_type,
                [documents[digest]],
                make_writer,
                write=write and name == "local",
            )
            reached[name] += [
                look_for(fact, drawn)
                for fact in wanted
                if (fact["sheet"], fact["document"]) == (title, digest)
            ]
    return reached


def look_for(fact: Fact, drawn: DrawnSheet) -> Reached:
    """Return how far a fact came; it is shown only by a passage of its page."""
    find = fact["find"]
    return Reached(
        fact,
        any(
            p.page_start <= fact["page"] <= p.page_end and holds(p.text, find)
            for p in drawn.shown[fact["section"]]
        ),
        holds(drawn.section_text(fact["section"]), find),
        holds(drawn.text, find),
        holds(drawn.field_text(fact["section"], fact["field"]), find),
    )


def out(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
