"""Measure the levels of statements: `make bench-truth FOLDER=…`.

The folder holds `*.jsonl` of labelled statements ("true", "kind", "statement", "document",
"passage_contains") and, anywhere below it or beside it, the documents. Prints the level by kind.
The statements of `bench/gold/` whose documents are in the folder are checked too: "tune" are those
on which the check may be tuned, "held" those that are only measured. With `--drawn`, sentences and
rows of all its PDFs are checked as they are, and with one thing changed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")

HALVES = ("tune", "held")
HELD = {"verbatim", "confirmed", "judged", "figures"}
MOST_OF_A_KIND = 300


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn and changed (1)")
    parser.add_argument("--show", default="", metavar="KIND", help="print the mistakes of a kind")
    parser.add_argument("--half", choices=("tune", "held", ""), default="", help="of the gold")
    parser.add_argument("--drawn", action="store_true", help="draw sentences of all PDFs, too")
    options = parser.parse_args()
    import django

    django.setup()
    begun = time.process_time()
    labelled = list(labelled_levels(options.folder, options.show))
    if labelled:
        print_table("labelled statements", labelled)
    count = len(labelled)
    for half in (options.half,) if options.half else HALVES:
        if found := list(gold_levels(options.folder, half, options.show)):
            print_table(f"gold, {half}", found)
            count += len(found)
    if options.drawn:
        changed = list(changed_levels(options.folder, options.seed, options.show))
        print_table("whole sentences and rows (true), and with one change", changed)
        count += len(changed)
    out(f"\n{count} statements, {time.process_time() - begun:.1f} s of processor time")
    return 0 if count else 1


def labelled_levels(folder: Path, show: str) -> Iterator[tuple[str, bool, str]]:
    """Yield (kind, whether it is true, level) for each labelled statement of a folder."""
    from sheets.sources.file_passages import find_file, passages_with
    from sheets.verification.levels import check_statement, passage_for_check

    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            row = json.loads(line)
            if "kind" not in row:
                continue
            path = find_file(row["document"], [folder, folder.resolve().parent])
            passages = list(passages_with(path, row["passage_contains"])) if path else []
            if not passages:
                out(f"not measured, no passage: {row['document']}: {row['passage_contains']}")
                continue
            texts = [passage_for_check("", p.headings, p.text) for p in passages]
            found = check_statement(row["statement"], texts)
            if show == row["kind"]:
                out(f"{found.level}: {row['statement']} {found.reasons} {found.unborne}")
            yield row["kind"], bool(row["true"]), found.level


def gold_levels(folder: Path, half: str, show: str) -> Iterator[tuple[str, bool, str]]:
    """Yield (kind, whether it is true, level) for each statement of one half of the gold."""
    from bench.gold import GoldError, find_documents, read_gold, read_statement
    from ingestion.readers import ReadError
    from sheets.verification.levels import check_statement, passage_for_check

    documents = find_documents(folder)
    skipped: Counter[str] = Counter()
    for line in read_gold():
        if line.half != half:
            continue
        try:
            statement, passages = read_statement(line, documents)
        except (GoldError, ReadError) as error:
            skipped[str(error)] += 1
            continue
        texts = [passage_for_check("", p.headings, p.text) for p in passages]
        found = check_statement(statement, texts)
        if show in (line.kind, "all") and (found.level in HELD) != line.true:
            out(f"{found.level}, {line.kind}: {statement} {found.reasons} {found.unborne}")
        yield line.kind, line.true, found.level
    for reason, count in sorted(skipped.items()):
        out(f"not measured, {count}: {reason}")


def changed_levels(folder: Path, seed: int, show: str) -> Iterator[tuple[str, bool, str]]:
    """Yield (kind, whether it is true, level) for sentences and rows, as they are and changed."""
    from bench.spoilers import spoil
    from sheets.markdown.sentences import needs_context
    from sheets.verification.levels import check_statement

    chance = random.Random(seed)  # noqa: S311
    sentences, rows = sentences_of(folder)
    chance.shuffle(sentences)
    seen: Counter[str] = Counter()

    def check(kind: str, true: bool, text: str, passage: str) -> Iterator[tuple[str, bool, str]]:
        if seen[kind] < MOST_OF_A_KIND:
            seen[kind] += 1
            found = check_statement(text, [passage])
            if (
                show == kind
                and (found.level == "verbatim" if true else found.level in HELD) != true
            ):
                out(f"{found.level}: {text} {found.reasons} {found.unborne}")
            yield kind, true, found.level

    for sentence, passage in sentences:
        kind = "verbatim, leaning" if needs_context(sentence) else "verbatim"
        yield from check(kind, True, sentence, passage)
        if kind == "verbatim":
            for name, text in spoil(sentence, chance.choice(sentences)[0], chance):
                yield from check(name, False, text, passage)
    for columns, row, passage in rows:
        filled = [(c, v) for c, v in zip(columns[1:], row[1:], strict=True) if c and v]
        if row[0] and filled:
            yield from check("row", True, write_row(row[0], filled), passage)
            values = [value for _, value in filled]
            if len(set(values)) > 1:
                names = [name for name, _ in filled]
                moved = list(zip(names, [*values[1:], values[0]], strict=True))
                yield from check("row_shifted", False, write_row(row[0], moved), passage)


Row = tuple[Sequence[str], Sequence[str], str]


def sentences_of(folder: Path) -> tuple[list[tuple[str, str]], list[Row]]:
    """Return (sentence, passage) and (headings, row, passage) of the PDFs below a folder."""
    from ingestion.readers import ReadError
    from sheets.markdown.sentences import is_sentence, quotable_units, split_sentences
    from sheets.sources.file_passages import file_passages
    from sheets.verification.levels import passage_for_check

    sentences: list[tuple[str, str]] = []
    rows: list[Row] = []
    for path in sorted(folder.rglob("*.pdf")):
        try:
            passages = file_passages(path)
        except ReadError as error:
            out(f"not measured: {path.name}: {error}")
            continue
        for passage in passages:
            text = passage_for_check("", passage.headings, passage.text)
            for unit in quotable_units(passage.text):
                rows += [(unit.columns, row, text) for row in unit.rows]
                if unit.kind != "table":
                    sentences += [
                        (sentence, text)
                        for sentence in split_sentences(unit.text)
                        if is_sentence(sentence) and 40 < len(sentence) < 400
                    ]
    return sentences, rows


def write_row(label: str, filled: Sequence[tuple[str, str]]) -> str:
    return f"{label} : " + " ; ".join(f"{name} : {value}" for name, value in filled)


def print_table(title: str, found: Sequence[tuple[str, bool, str]]) -> None:
    from sheets.verification.levels import LEVELS

    out(f"\n{title}\n{'kind':24}{'true':6}{'n':>6}" + "".join(f"{name:>12}" for name in LEVELS))
    counts = Counter(found)
    for false, kind in sorted({(not true, kind) for kind, true, _ in found}):
        true = not false
        levels = [counts[kind, true, level] for level in LEVELS]
        out(
            f"{kind:24}{'yes' if true else 'no':6}{sum(levels):6}"
            + "".join(f"{n or '·':>12}" for n in levels)
        )
    for true in (True, False):
        levels = [sum(n for (_, t, name), n in counts.items() if (t, name) == (true, level))
                  for level in LEVELS]  # fmt: skip
        name = "all true" if true else "all false"
        out(f"{name:30}{sum(levels):6}" + "".join(f"{n or '·':>12}" for n in levels))


def out(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
