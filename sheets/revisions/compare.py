"""Compare two versions of a sheet: changes, folded runs of unchanged blocks, HTML with marks.

Pure, except for the active language.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.html import format_html
from django.utils.translation import get_language, ngettext

from sheets.markdown.parse import Note, OutlineTracker, read_note
from sheets.markdown.scanner import BULLETS, delimiter_cells
from sheets.merge import Version
from sheets.merge.diff import (
    BlockChange,
    NoteChange,
    ValueChange,
    diff_blocks,
    diff_notes,
    diff_values,
)
from sheets.merge.tokenize import WORD
from sheets.rendering.footnotes import numbering_header, section_html
from sheets.rendering.html import CitationView, render_sheet
from sheets.rendering.labels import Label, reader_label, reader_language
from sheets.revisions.conflicts import block_label, field_label
from sheets.schema.types import SheetTemplate

AROUND = 1
"""Unchanged blocks shown on either side of a change."""
LEAST_FOLDED = 3
MOST_RENDERED = 40_000
"""Characters of Markdown rendered for the page with marks, unless `whole` is requested."""
MOST_FOLDED = 30
"""A longer run of unchanged blocks is only counted, unless `whole` is requested."""


@dataclass(frozen=True)
class BlockRun:
    """A run of consecutive blocks: shown, or unchanged and folded.

    `changes` is empty for a folded run longer than `MOST_FOLDED`. `section` and `field` are the
    headings above a run that follows a folded one, as written in the text; `where` are the same
    in the reader's language.
    """

    folded: bool
    count: int
    changes: Sequence[BlockChange]
    section: str = ""
    field: str = ""
    where: Sequence[Label] = ()


@dataclass(frozen=True)
class FootnoteDiff:
    """A footnote that differs, each side parsed as a citation where it is one."""

    change: NoteChange
    old: Note | None
    new: Note | None


@dataclass(frozen=True)
class Comparison:
    """The differences between two versions: text, header data with headings, footnotes.

    `changes` are all blocks of both, `runs` the same blocks grouped, `counts` changes by kind.
    """

    changes: Sequence[BlockChange]
    runs: Sequence[BlockRun]
    values: Sequence[tuple[Label, ValueChange]]
    notes: Sequence[FootnoteDiff]
    counts: Mapping[str, int]

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing differs."""
        return not (self.values or self.notes or sum(self.counts.values()))


def compare_versions(
    old: Version, new: Version, template: SheetTemplate, *, whole: bool = False
) -> Comparison:
    """Return the differences; with `whole` folded runs hold all of their blocks."""
    changes = diff_blocks(MARKS.sub("", old.body), MARKS.sub("", new.body))
    counts = Counter(kind for c in changes if (kind := change_kind(c)))
    return Comparison(
        changes=changes,
        runs=[place_run(run, template) for run in block_runs(changes, whole=whole)],
        values=[(field_label(v.key, template), v) for v in diff_values(old.values, new.values)],
        notes=[
            FootnoteDiff(n, read_note(n.old_label, n.old) if n.old else None,
                     read_note(n.new_label, n.new) if n.new else None)
            for n in diff_notes(old.body, new.body)
        ],
        counts=counts,
    )  # fmt: skip


def place_run(run: BlockRun, template: SheetTemplate) -> BlockRun:
    """Return the run with the headings above it in the reader's language."""
    if not run.section:
        return run
    outline = OutlineTracker(template)
    section = reader_label(run.section, template, outline.section(run.section))
    field = block_label(run.section, run.field, outline, template)
    return replace(run, where=[label for label in (section, field) if label])


def change_kind(change: BlockChange) -> str:
    """Return the kind under which a change is counted, "" for none; a move counts once."""
    if change.kind == "same" or (change.kind == "removed" and change.moved):
        return ""
    return change.kind


def block_runs(changes: Sequence[BlockChange], *, whole: bool) -> Iterator[BlockRun]:
    """Yield the blocks grouped in shown and folded runs."""
    near = [False] * len(changes)
    for index, change in enumerate(changes):
        if change.kind != "same":
            for at in range(max(index - AROUND, 0), min(index + AROUND + 1, len(changes))):
                near[at] = True
    start, after_fold = 0, False
    while start < len(changes):
        end = start
        while end < len(changes) and near[end] == near[start]:
            end += 1
        run = changes[start:end]
        folded = not near[start] and len(run) >= LEAST_FOLDED
        shown = run if not folded or whole or len(run) <= MOST_FOLDED else []
        begins = after_fold and run[0].block != "heading"
        yield BlockRun(
            folded,
            len(run),
            shown,
            run[0].section if begins else "",
            run[0].field if begins else "",
        )
        start, after_fold = end, folded


# --- The page with marks --------------------------------------------------------------------------

ADD, ADDED, CUT, GONE = "\ue010", "\ue011", "\ue012", "\ue013"
FOLD, REST, END = "\ue014", "\ue015", "\ue016"
MARKS = re.compile("[\ue010-\ue016]")
MARKED_ANCHOR = re.compile("\\{#[\\w\ue010-\ue016-]+\\}\\s*$")
FOLDED = re.compile(f"<p>(?P<sign>{FOLD}|{REST})(?P<count>\\d+){END}</p>")
TAGS = {ADD: "<ins>", ADDED: "</ins>", CUT: "<del>", GONE: "</del>"}
TAG = re.compile(r"(<[^>]*>)")
TIGHT = re.compile(r"</(ins|del)>(\s*)<\1>")
LEAD = re.compile(
    rf"^\s*(?:>\s*)*+(?:#{{1,6}}\s+|(?:[-*+{BULLETS}]|\d+[.)])\s+(?:\[[ xX]\]\s+)?|o\t|:\s+|\|\s*)"
)
SIGNS = set(".,;:?…()«»%&’'°€/+=")
CLOSE = {"item", "row"}


def render_changes(
    changes: Sequence[BlockChange],
    notes: Mapping[str, str],
    template: SheetTemplate,
    citations: Mapping[str, CitationView],
    *,
    order: Sequence[str] = (),
    whole: bool = False,
) -> str:
    """Return the HTML of the new version with additions in <ins> and removals in <del>.

    `notes` are the footnotes of both versions; those in `order`, the new version's, keep the
    numbers of its page, and the others follow. Unless `whole`, unchanged blocks are folded and the
    text after `MOST_RENDERED` characters is left out, which bounds the cost.
    """
    lines: list[str] = []
    last = ""
    for text, block in whole_text(changes) if whole else folded_text(changes):
        if text:
            lines.append("\n" if last == block and last in CLOSE else "\n\n")
            lines.append(text)
            last = block
    ends = "\n".join(f"[^{label}]: {MARKS.sub('', text)}" for label, text in notes.items())
    known = [marker for marker in order if marker in notes]
    text = f"{''.join(lines)}\n\n{ends}\n"
    rendered = render_sheet(text, numbering_header(known), template, citations, reader_language())
    page = section_html(rendered.body, len(known))
    page = FOLDED.sub(lambda m: fold_line(int(m["count"]), at_end=m["sign"] == REST), page)
    return "".join(
        MARKS.sub("", piece) if piece.startswith("<") else with_tags(piece)
        for piece in TAG.split(page)
    )


Text = Iterator[tuple[str, str]]
"""Pairs of a block's Markdown, with marks, and its kind."""


def whole_text(changes: Iterable[BlockChange]) -> Text:
    for change in changes:
        text = marked_block(change)
        if change.block == "heading":  # its id is not shown
            text = MARKED_ANCHOR.sub(lambda match: MARKS.sub("", match[0]), text)
        yield text, change.block


def folded_text(changes: Sequence[BlockChange]) -> Text:
    """Yield the changed blocks and those around them, and a mark for each folded run."""
    index = size = 0
    for run in block_runs(changes, whole=False):
        start, index = index, index + run.count
        if run.folded:
            yield f"{FOLD}{run.count}{END}", "text"
            yield from leading_blocks(changes, start, index)
        elif size > MOST_RENDERED:
            yield f"{REST}{len(changes) - start}{END}", "text"
            return
        else:
            for text, block in whole_text(run.changes):
                size += len(text)
                yield text, block


def leading_blocks(changes: Sequence[BlockChange], start: int, stop: int) -> Text:
    """Yield the headings and the table head above block `stop`, from the folded blocks."""
    if stop == len(changes):
        return
    first = changes[stop]
    above: dict[bool, BlockChange] = {}
    for change in changes[start:stop]:
        if change.level:
            above = {**(above if change.level > 2 else {}), change.level > 2: change}
    for is_field, heading in above.items():
        if not first.level or (first.level > 2 and not is_field):
            yield heading.new, heading.block
    top = stop
    while first.block == "row" and top and changes[top - 1].block == "row":
        top -= 1
    if top + 2 <= stop and is_delimiter(changes[top + 1].new):
        yield f"{changes[top].new}\n{changes[top + 1].new}", "row"


def fold_line(count: int, *, at_end: bool) -> str:
    """Return the line in place of unchanged blocks, or of the text left out at the end."""
    if at_end:
        message = ngettext(
            "%(n)s more block is not shown here", "%(n)s more blocks are not shown here", count
        )
    else:
        message = ngettext("%(n)s unchanged block", "%(n)s unchanged blocks", count)
    return format_html(
        '<p class="diff-fold" lang="{}"><a href="?vue=rendu&amp;tout=1">{}</a></p>',
        get_language() or "fr",
        message % {"n": count},
    )


def with_tags(text: str) -> str:
    for mark, tag in TAGS.items():
        text = text.replace(mark, tag)
    return TIGHT.sub(r"\2", text)


def marked_block(change: BlockChange) -> str:
    """Return a block's Markdown with its added and its removed words between marks."""
    if (
        change.kind == "same"
        or change.block in ("code", "html", "rule")
        or is_delimiter(change.new)
    ):
        return change.new
    if not change.new:
        return "" if is_delimiter(change.old) else marked_words(change.old, CUT, GONE)
    if change.kind in ("added", "moved"):
        return marked_words(change.new, ADD, ADDED)
    lead = LEAD.match(change.new)
    parts = [lead[0] if lead else ""]  # before removed words, or the block would be none any more
    behind = len(parts[0])
    for words, kind in change.pieces:
        if kind == "removed":
            parts.append(plain_words(words))
            continue
        words, behind = words[behind:], max(behind - len(words), 0)
        parts.append(words if kind == "same" else marked_words(words, ADD, ADDED, begins=False))
    return "".join(parts)


def is_delimiter(row: str) -> bool:
    """Tell whether a block is the row below the head of a table."""
    return "|" in row and delimiter_cells(row) > 0


def marked_words(text: str, start: str, end: str, *, begins: bool = True) -> str:
    """Return the text with each word between marks, its Markdown syntax unchanged."""
    lead = LEAD.match(text) if begins else None
    head = lead[0] if lead else ""
    found = WORD.findall(text[len(head) :].rstrip())
    return head + "".join(
        f"{gap}{start}{word}{end}" if is_visible_word(word) else f"{gap}{word}"
        for gap, word in found
    )


def plain_words(text: str) -> str:
    """Return the removed words between marks, without Markdown syntax."""
    return "".join(
        f"{gap}{CUT}{word}{GONE}"
        for gap, word in WORD.findall(text.rstrip())
        if is_visible_word(word)
    )


def is_visible_word(word: str) -> bool:
    """Tell whether readers see it: a word or a punctuation sign, not Markdown syntax."""
    return word in SIGNS or (word[0].isalnum() and not word.startswith("http"))
