"""Provenance: which revision last wrote each block of a sheet, and whether a model did.

It is computed from the chain of revisions: a block that a revision leaves unchanged or moves keeps
its origin; a block that it changes or adds has that revision as origin. In a merged revision, the
blocks equal to those of the proposal are generated; in a restored one, blocks keep the origin that
they had in the history. The tracing is pure; its result is cached in `Revision.rendered`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ingestion.models import Chunk
from sheets.markdown.parse import OutlineTracker
from sheets.markdown.scanner import delimiter_cells, scan
from sheets.markdown.splice import note_lines, relabel_markers
from sheets.merge.diff import diff_blocks
from sheets.merge.tokenize import MarkdownBlock, cut_body
from sheets.models import Proposal, Revision, SectionRun
from sheets.rendering.html import render_sheet
from sheets.rendering.labels import reader_language
from sheets.rendering.stored_rendering import revision_citations
from sheets.schema.types import SheetTemplate

CACHE = "authors-2"


@dataclass(frozen=True)
class Step:
    """One revision, as input of the tracing: number and text.

    `given` is the generated text where the revision merged a proposal.
    """

    number: int
    body: str
    given: str | None = None


@dataclass(frozen=True)
class Origin:
    """The origin of a block: the first revision with this text, and whether it was generated."""

    revision: int
    machine: bool = False


Trace = Sequence[Origin]


# --- Tracing, pure --------------------------------------------------------------------------------


def trace_origins(
    before: Step | None,
    origins: Trace,
    step: Step,
    *,
    by_machine: bool = False,
    known: Mapping[str, Origin] | None = None,
) -> list[Origin]:
    """Return the origin of each block of a revision, headings included, in the order of the text.

    `origins` are those of the revision `before`; `known` the origins of the blocks of the whole
    history, for a revision that restores.
    """
    own = Origin(step.number, by_machine)
    if before is None:
        return [own] * len(blocks_of(step.body))
    changes = diff_blocks(before.body, step.body)
    old = iter(origins)
    unchanged: dict[int, Origin] = {}
    left: dict[str, list[Origin]] = {}  # removed or changed blocks, which may reappear elsewhere
    was, now = footnote_expander(before.body), footnote_expander(step.body)
    for index, change in enumerate(changes):
        if not change.old or change.kind == "moved":
            continue
        origin = next(old, own)
        if change.kind == "same":
            unchanged[index] = origin
        else:
            left.setdefault(was(change.old), []).append(origin)
    taken = texts_of(step.given) if step.given is not None else set()
    found: list[Origin] = []
    for index, change in enumerate(changes):
        if not change.new:
            continue
        words = now(change.new)
        if index in unchanged:
            found.append(unchanged[index])
        elif left.get(words):
            found.append(left[words].pop(0))
        elif words in taken:
            found.append(Origin(step.number, machine=True))
        elif known and words in known:
            found.append(known[words])
        else:
            found.append(own)
    return found


def blocks_of(body: str) -> list[str]:
    """Return the blocks of a body as `diff_blocks` splits them, without footnote definitions."""
    return [change.new for change in diff_blocks("", body) if change.new]


def texts_of(body: str) -> set[str]:
    """Return the blocks of a body without headings, their footnotes expanded."""
    plain = footnote_expander(body)
    return {plain(block) for block in blocks_of(body) if not block.startswith("#")}


def footnote_expander(body: str) -> Callable[[str], str]:
    """Return a function that expands the footnotes of a block of this body."""
    notes = note_lines(body)
    return lambda text: relabel_markers(text, notes)


# --- Of a revision --------------------------------------------------------------------------------


def origins_of(revision: Revision) -> list[Origin]:
    """Return the origin of each block of a revision; cached in it and in those before it."""
    cached = cached_origins(revision)
    if cached is not None:
        return cached
    chain: list[Revision] = [revision]
    earlier = Revision.objects.filter(sheet=revision.sheet_id, number__lt=revision.number)
    for one in earlier.order_by("-number").iterator(chunk_size=20):
        chain.append(one)
        if cached_origins(one) is not None:
            break
    before: Step | None = None
    origins: list[Origin] = []
    for current in reversed(chain):
        step = Step(current.number, current.body, given_text(current))
        known = cached_origins(current)
        if known is None:
            known = trace_origins(
                before,
                origins,
                step,
                by_machine=current.origin == Revision.Origin.GENERATED,
                known=history_of(current) if current.origin == Revision.Origin.RESTORE else None,
            )
            save_origins(current, known)
        before, origins = step, known
    return origins


def cached_origins(revision: Revision) -> list[Origin] | None:
    """Return the cached origins of a revision, or None."""
    cached = revision.rendered.get(CACHE)
    return None if cached is None else [Origin(n // 2, bool(n % 2)) for n in cached]


def save_origins(revision: Revision, origins: Trace) -> None:
    """Cache the origins in `Revision.rendered`, one integer each: 2 * number + generated."""
    revision.rendered[CACHE] = [o.revision * 2 + o.machine for o in origins]
    revision.save(update_fields=["rendered"])


def given_text(revision: Revision) -> str | None:
    """Return the generated text that a merged revision accepted, or None."""
    if revision.origin != Revision.Origin.MERGE or revision.generation_id is None:
        return None
    taken = Proposal.objects.filter(sheet=revision.sheet_id, generation=revision.generation_id)
    return taken.values_list("body", flat=True).first()


def history_of(revision: Revision) -> dict[str, Origin]:
    """Return the earliest origin of every block of the earlier revisions."""
    found: dict[str, Origin] = {}
    earlier = Revision.objects.filter(sheet=revision.sheet_id, number__lt=revision.number)
    for one in earlier.order_by("number"):
        plain = footnote_expander(one.body)
        for block, origin in zip(blocks_of(one.body), cached_origins(one) or [], strict=False):
            found.setdefault(plain(block), origin)
    return found


# --- On the page ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Author:
    """One line of the legend: the revision and, for a generated block, the passages shown."""

    number: int
    revision: Revision
    machine: bool
    passages: Sequence[Chunk] = ()


@dataclass(frozen=True)
class AuthoredPage:
    """A sheet's HTML with a mark where the author changes, and the legend of the marks."""

    html: SafeString
    authors: Sequence[Author]


OPEN, CLOSE = "\ue000", "\ue001"
AuthorMarks = dict[tuple[int, bool, str], int]


def show_authors(revision: Revision, template: SheetTemplate) -> AuthoredPage:
    """Render a revision with the authors of its blocks."""
    body = revision.body.replace(OPEN, "").replace(CLOSE, "").replace("\r\n", "\n")
    marks: AuthorMarks = {}
    text = mark_blocks(body, origins_of(revision), template, marks)
    language = reader_language()
    citations = revision_citations(revision, language)
    page = render_sheet(text, revision.metadata, template, citations, language).body
    authors = author_legend(revision, marks)
    for author in authors:
        page = page.replace(f"{OPEN}{author.number}{CLOSE}", author_badge(author))
    return AuthoredPage(SafeString(page), authors)


def mark_blocks(body: str, origins: Trace, template: SheetTemplate, marks: AuthorMarks) -> str:
    """Insert a mark at the end of each block where the author or the section changes."""
    blocks, rest = cut_body(body)
    parts: list[str] = []
    outline = OutlineTracker(template)
    section, last = "", None
    for number, block in enumerate(blocks):
        parts.append(block.gap)
        heading = scan(block.text).blocks[0] if block.kind == "heading" else None
        if heading and heading.level <= 2:
            section, last = outline.section(heading.heading), None
        origin = origins[number] if number < len(origins) else None
        following = blocks[number + 1] if number + 1 < len(blocks) else None
        if origin is None or not accepts_mark(block, following) or origin == last:
            parts.append(block.text)
            continue
        last = origin
        key = (origin.revision, origin.machine, section if origin.machine else "")
        mark = f"{OPEN}{marks.setdefault(key, len(marks) + 1)}{CLOSE}"
        parts.append(with_mark(block, mark))
    notes = "\n".join(f"[^{label}]: {text}" for label, text in note_lines(body).items())
    return f"{''.join(parts)}{rest}\n\n{notes}\n"


def accepts_mark(block: MarkdownBlock, following: MarkdownBlock | None) -> bool:
    """Tell whether a mark can follow a block: not a heading, code or a table rule."""
    rules = [
        b is not None and b.kind == "row" and delimiter_cells(b.text) > 0
        for b in (block, following)
    ]
    return block.kind in ("text", "item", "row") and not any(rules)


def with_mark(block: MarkdownBlock, mark: str) -> str:
    if block.kind == "row" and block.text.endswith("|"):
        return f"{block.text[:-1].rstrip()} {mark} |"
    return f"{block.text} {mark}"


def author_legend(revision: Revision, marks: AuthorMarks) -> list[Author]:
    """Return the author of each mark; for generated blocks with the passages shown."""
    rows = Revision.objects.filter(sheet=revision.sheet_id, number__in={n for n, _m, _s in marks})
    revisions = {
        r.number: r
        for r in rows.select_related("sheet", "author", "generation").defer("body", "rendered")
    }
    runs = {
        (run.generation_id, run.key): [p["chunk"] for p in run.passages]
        for run in SectionRun.objects.filter(
            generation__in=[r.generation_id for r in revisions.values() if r.generation_id]
        ).only("generation", "key", "passages")
    }
    shown = {
        number: runs.get((revisions[n].generation_id or 0, section), []) if machine else []
        for (n, machine, section), number in marks.items()
    }
    chunks = Chunk.objects.select_related("document").defer("search", "text")
    passages = chunks.in_bulk({pk for found in shown.values() for pk in found})
    return [
        Author(
            number, revisions[n], machine, [passages[pk] for pk in shown[number] if pk in passages]
        )
        for (n, machine, _section), number in marks.items()
    ]


def author_badge(author: Author) -> SafeString:
    """Return the HTML of a mark: the author's name, linked to the legend."""
    return format_html(
        '<a class="by" data-by="{}" href="#by-{}">{}</a>',
        "machine" if author.machine else "person",
        author.number,
        author_name(author),
    )


def author_name(author: Author) -> str:
    """Return the name of a person or of a model."""
    if author.machine:
        generation = author.revision.generation
        if generation is None or generation.backend == "local":
            return _("extraction")
        return generation.model
    return str(author.revision.author or _("account deleted"))
