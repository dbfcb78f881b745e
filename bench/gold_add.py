"""Turn labelled statements into lines of `bench/gold/`: `python -m bench.gold_add`.

The statements are JSON lines as `bench.truth` reads them. Words that the document has are stored
by their place. With `--changes` sentences are drawn from documents and one thing is changed in
each; what was changed is stored, so that it stays when the program that changes does not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")

if TYPE_CHECKING:
    from bench.gold import Document, Place
    from ingestion.pipeline.chunk import ChunkDraft

CHANGES_A_SENTENCE = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="with the documents")
    parser.add_argument("output", type=Path, help="the gold file to write")
    parser.add_argument("--half", choices=("tune", "held"), required=True)
    parser.add_argument("--statements", type=Path, nargs="*", default=[], metavar="FILE")
    parser.add_argument("--changes", nargs="*", default=[], metavar="DOCUMENT[:FIRST-LAST]")
    parser.add_argument("--most", type=int, default=40, help="changes of a kind (40)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn and changed (1)")
    options = parser.parse_args()
    import django

    django.setup()
    lines = list(labelled_lines(options.statements, options.folder, options.half))
    drawn = [_drawn(name, options.folder) for name in options.changes]
    lines += changed_lines(drawn, options.half, options.most, random.Random(options.seed))  # noqa: S311
    options.output.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    sys.stdout.write(f"{len(lines)} lines\n")
    return 0


def _drawn(written: str, folder: Path) -> tuple[Document, range]:
    """Return a document and the pages that sentences are drawn from: "code.pdf:200-319"."""
    name, _, pages = written.partition(":")
    first, _, last = pages.partition("-")
    return _document(name, folder), range(int(first or 0), int(last or 1_000_000) + 1)


def _document(name: str, folder: Path) -> Document:
    from bench.gold import Document
    from sheets.sources.file_passages import find_file

    path = find_file(name, [folder])
    if path is None:
        raise SystemExit(f"no document {name} below {folder}")
    return Document(path)


def labelled_lines(files: Sequence[Path], folder: Path, half: str) -> Iterator[str]:
    """Yield the gold line of each labelled statement; one without its passage is said."""
    from bench.gold import GoldLine, encode
    from sheets.sources.file_passages import passages_with

    rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    said = {row["statement"]: row for row in reversed(rows) if row["true"]}
    documents = {n: _document(n, folder) for n in {row["document"] for row in rows}}

    def window(row: dict[str, Any], statement: str) -> tuple[Document, Place, list[str]]:
        document = documents[row["document"]]
        quote = row["passage_contains"]
        passage = next(passages_with(document.path, quote), None)
        if passage is None:
            raise LookupError(f"no passage in {document.path.name}: {quote}")
        return document, *_window(document, passage, quote, statement)

    for row in rows:
        said_at = None
        try:
            document, place, words = window(row, row["statement"])
            if row["kind"] == "wrong_source" and (source := said.get(row["statement"])):
                other, other_place, words = window(source, row["statement"])
                said_at = other.key, other_place
        except LookupError as error:
            sys.stderr.write(f"{error}\n")
            continue
        text = encode(row["statement"], words)
        yield GoldLine(
            half, row["kind"], row["true"], "hand", document.key, place, text, said_at
        ).as_json()


def _window(
    document: Document, passage: ChunkDraft, quote: str, statement: str
) -> tuple[Place, list[str]]:
    """Return the words of a passage from the first to the last that a statement, or the quote by
    which the passage was found, has in common with it."""
    from bench.gold import SHORTEST_RUN, split_words

    words = split_words(passage.text)
    spans: list[tuple[int, int]] = []
    for text, shortest in ((statement, SHORTEST_RUN), (quote, 1)):
        matcher = SequenceMatcher(None, split_words(text), words, autojunk=False)
        blocks = matcher.get_matching_blocks()[:-1]
        if text == quote:
            blocks = [max(blocks, key=lambda block: block.size)] if blocks else []
        spans += [(b.b, b.b + b.size) for b in blocks if b.size >= shortest]
    first = min((start for start, _ in spans), default=0)
    end = max((end for _, end in spans), default=len(words))
    return document.place_of(passage, first, end - first), words[first:end]


# --- Changes --------------------------------------------------------------------------------------


def changed_lines(
    drawn: Sequence[tuple[Document, range]], half: str, most: int, chance: random.Random
) -> Iterator[str]:
    """Yield sentences of documents as they are, and with one thing changed, at most so many of a
    kind; of what can be done with a sentence, the kinds that are rarest so far."""
    from bench.gold import GoldLine, encode
    from bench.spoilers import GOLD_KINDS, spoil

    found = [one for document, pages in drawn for one in _sentences(document, pages)]
    chance.shuffle(found)
    seen: Counter[str] = Counter()
    for document, place, words in found:
        sentence = " ".join(words)
        other = " ".join(chance.choice(found)[2])
        changes = [
            ("verbatim", "", sentence),
            *(
                (GOLD_KINDS[name], name, text)
                for name, text in spoil(sentence, other, chance)
                if name in GOLD_KINDS
            ),
        ]
        chance.shuffle(changes)
        changes.sort(key=lambda change: seen[change[0]])
        for kind, name, text in changes[:CHANGES_A_SENTENCE]:
            if seen[kind] < most:
                seen[kind] += 1
                by = f"change {name}".strip()
                yield GoldLine(
                    half, kind, not name, by, document.key, place, encode(text, words)
                ).as_json()


def _sentences(document: Document, pages: range) -> Iterator[tuple[Document, Place, list[str]]]:
    """Yield the sentences of a document that stand by themselves, with their places."""
    from bench.gold import split_words
    from sheets.markdown.sentences import (
        is_sentence,
        needs_context,
        quotable_units,
        split_sentences,
    )

    for passage in document.passages:
        if passage.page_start not in pages:
            continue
        words = split_words(passage.text)
        for unit in quotable_units(passage.text):
            for sentence in split_sentences(unit.text) if unit.kind != "table" else ():
                if not is_sentence(sentence) or needs_context(sentence):
                    continue
                its = split_words(sentence)
                starts = (i for i in range(len(words)) if words[i : i + len(its)] == its)
                if 8 <= len(its) <= 60 and (first := next(starts, -1)) >= 0:
                    yield document, document.place_of(passage, first, len(its)), its


if __name__ == "__main__":
    raise SystemExit(main())
