"""Replace sections of one version by those of another, with their footnotes. Pure.

Sections begin at headings of the levels 1 and 2, and `sheets.markdown.parse.read_outline` gives
their keys; header data belongs to the sections whose role is "header". The text before the first
heading has the key "". What is not replaced keeps every byte.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby

from sheets.markdown.parse import (
    MARKER,
    note_text,
    outside_code,
    read_outline,
    split_notes,
    text_without,
)
from sheets.markdown.scanner import ScannedText, scan
from sheets.markdown.version import Version
from sheets.schema.types import SheetTemplate
from wikico2.text.normalize import folded_words

MOST_GROUPS = 200


@dataclass(frozen=True)
class BodySection:
    """One section of a body: its key, its text with its heading, its HTML id.

    `start` and `end` (excluded) are its lines; they may hold footnote definitions, `text` does not.
    """

    key: str
    text: str
    anchor: str = ""
    start: int = -1
    end: int = -1


def body_sections(body: str, template: SheetTemplate) -> list[BodySection]:
    """Return the sections of a body in order, without footnote definitions."""
    document = scan(body)
    heads = [entry for entry in read_outline(body, template) if not entry.field]
    starts = [0, *(entry.heading.start for entry in heads), len(document.lines)]
    names = [("", ""), *((entry.key, entry.anchor) for entry in heads)]
    found: list[BodySection] = []
    for (key, anchor), start, end in zip(names, starts, starts[1:], strict=False):
        text = text_without(document, {"note"}, start, end)
        if text.strip():
            found.append(BodySection(key, text.strip("\r\n"), anchor, start, end))
    return found


def splice_sections(
    into: Version, source: Version, keys: Collection[str], template: SheetTemplate
) -> Version:
    """Return `into` with the sections `keys` as in `source`, all others unchanged.

    A section that `source` lacks is removed; one that `into` lacks is inserted in the order of
    `source`. Footnotes of unchanged sections keep their labels; those of `source` get the label of
    an equal footnote of `into`, or a free one.
    """
    old, new = body_sections(into.body, template), body_sections(source.body, template)
    stay = [p for p in old if p.key not in keys]
    values = {k: v for k, v in into.values.items() if header_section(k, template) not in keys}
    coming = [p for p in new if p.key in keys]
    coming_values = {k: v for k, v in source.values.items() if header_section(k, template) in keys}

    notes = note_lines(into.body)
    left = {p.text for p in old} - {p.text for p in stay}
    gone = called_labels([*left, *(v for k, v in into.values.items() if k not in values)])
    kept_calls = called_labels([*(p.text for p in stay), *values.values()])
    defined = {m: text for m, text in notes.items() if m in kept_calls or m not in gone}
    arriving = called_labels([*(p.text for p in coming), *coming_values.values()])
    coming_notes = {m: t for m, t in note_lines(source.body).items() if m in arriving}
    labels = joined_labels(defined, coming_notes, notes)
    defined |= {labels[m]: text for m, text in coming_notes.items()}
    taken = {*defined, *labels.values()}
    numbers = map(str, count(1))
    for marker in sorted(arriving - set(coming_notes)):  # without a definition: keep it so
        if marker in taken:
            labels[marker] = next(number for number in numbers if number not in taken)
        else:
            labels[marker] = marker
        taken.add(labels[marker])

    coming = [BodySection(p.key, relabel_markers(p.text, labels)) for p in coming]
    parts, rest = replace_in_place(old, coming, keys)
    parts = order_sections(parts, rest, [p.key for p in old], [p.key for p in new])
    values |= {k: relabel_markers(v, labels) for k, v in coming_values.items()}
    return Version(write_notes(write_sections(into.body, old, parts), defined), values)


def replace_in_place(
    old: Iterable[BodySection], coming: Iterable[BodySection], keys: Collection[str]
) -> tuple[list[BodySection], list[BodySection]]:
    """Return the sections with those of `keys` replaced by incoming ones, and which are left over.

    Of sections of one key, the first replaces the first, the second the second.
    """
    waiting: defaultdict[str, deque[BodySection]] = defaultdict(deque)
    for part in coming:
        waiting[part.key].append(part)
    parts = [
        waiting[p.key].popleft() if p.key in keys else p
        for p in old
        if p.key not in keys or waiting[p.key]
    ]
    return parts, [part for part in coming if part in waiting[part.key]]


def write_sections(body: str, old: Sequence[BodySection], parts: Sequence[BodySection]) -> str:
    """Return the body with `parts` in place of its sections `old`, and all its definitions.

    A part with lines is a section of the body and keeps its bytes; a new one keeps the blank lines
    behind the section that it replaces. Sections that stood next to each other without a blank line
    stay so.
    """
    document = scan(body)
    stays = {part.start for part in parts}
    rest = [part for part in old if part.start not in stays]
    rest.reverse()
    written = [document.source(0, old[0].start if old else len(document.lines))]
    above: BodySection | None = None  # the section of the body whose place was written last
    fresh = ""  # its new text
    for part in parts:
        if part.start < 0:
            was = rest.pop() if rest and rest[-1].key == part.key else None
            gap, notes = split_tail(document, was) if was else ("\n\n", "")
            if scan(part.text).open_block:  # would swallow the definitions
                written.append(notes)
                notes = ""
            is_tight = stay_tight(above, was, fresh, part.text)
            add_section(written, part.text, gap, is_tight=is_tight)
            written.append(notes)
            above, fresh = was if part.text else None, part.text
        else:
            while rest and rest[-1].start < part.start:
                written.append(split_tail(document, rest.pop())[1])
            is_tight = stay_tight(above, part, fresh, part.text)
            add_section(written, document.source(part.start, part.end), "", is_tight=is_tight)
            above, fresh = part, ""
    written += [split_tail(document, part)[1] for part in reversed(rest)]
    return "".join(written)


def stay_tight(above: BodySection | None, below: BodySection | None, fresh: str, text: str) -> bool:
    """Tell whether two sections of the body need no other lines between them than they had.

    `fresh` is the new text of the upper one if it has any, `text` that of the lower one.
    """
    if above is None or below is None or above.end != below.start:
        return False
    if not fresh and text == below.text:
        return True
    head, leaves = scan(text).blocks[:1], scan(fresh).leaves
    if not head or head[0].kind != "heading":
        return False
    is_underlined = head[0].end > head[0].start + 1
    if not fresh:
        return True
    last = leaves[-1].kind if leaves else "html"
    return last in {"rule", "heading"} if is_underlined else last != "html"


def add_section(written: list[str], text: str, gap: str, *, is_tight: bool) -> None:
    """Append the text of a section and the line ends behind it, after a blank line or tight."""
    if not text:
        return
    before = "".join(written[-3:])
    ends_line = not before or before.endswith("\n")
    written += ["" if is_tight and ends_line else blank_line_after(before), text, gap]


def split_tail(document: ScannedText, part: BodySection) -> tuple[str, str]:
    """Return the blank lines behind the text of a section, and the definitions in its lines."""
    blocks = document.blocks_in(part.start, part.end)
    notes = [block for block in blocks if block.kind == "note"]
    start = notes[0].start if notes else part.end
    text = document.source(part.start, start)
    gap = text[len(text.rstrip("\r\n")) :]
    if notes == blocks[len(blocks) - len(notes) :]:
        return gap, document.source(start, part.end)
    return gap, "".join(f"{document.source(n.start, n.end).rstrip()}\n" for n in notes)


def write_notes(body: str, notes: Mapping[str, str]) -> str:
    """Return the body with exactly these footnote definitions, by label.

    Definitions that stay as they are keep their bytes; new ones follow the last.
    """
    document = scan(body)
    pieces: list[str] = []
    known: set[str] = set()
    start = last = 0
    for block in document.notes:
        label = block.marker
        pieces.append(document.source(start, block.start))
        start = block.end
        if label in notes:
            is_kept = label in known or notes[label] == note_text(document, block)
            written = document.source(block.start, block.end)
            pieces.append(written if is_kept else f"[^{label}]: {notes[label]}\n")
            last = len(pieces)
            known.add(label)
    pieces.append(document.source(start, len(document.lines)))
    new = write_definitions({m: text for m, text in notes.items() if m not in known})
    before, after = "".join(pieces[:last]), "".join(pieces[last:])
    if not new:
        ends_body = bool(document.notes) and document.notes[-1].marker not in notes
        if ends_body and not pieces[-1].strip("\r\n") and (text := before + after).strip():
            return text.rstrip("\r\n") + "\n"
        return before + after
    if last:
        before = before.rstrip("\r\n") + "\n"
    else:
        before, after = split_open_block(after)
        before += blank_line_after(before)
        after = f"\n{after}" if after else ""
    return f"{before}{new}\n{after}"


def blank_line_after(text: str) -> str:
    """Return the line ends that a new block needs behind a text."""
    if not text or text.endswith(("\n\n", "\n\r\n")):
        return ""
    return "\n" if text.endswith("\n") else "\n\n"


def split_open_block(text: str) -> tuple[str, str]:
    """Return (text, its last block if that would swallow what follows)."""
    document = scan(text)
    block = document.open_block
    while block is not None and not block.is_top:
        block = block.parent
    if block is None:
        return text, ""
    return document.source(0, block.start), document.source(block.start, len(document.lines))


def write_definitions(notes: Mapping[str, str]) -> str:
    return "\n".join(f"[^{label}]: {text}" for label, text in notes.items())


def called_labels(texts: Iterable[str]) -> set[str]:
    """Return the labels of the footnote markers in the texts."""
    return {marker for text in texts for marker in MARKER.findall(text)}


def order_sections(
    kept: list[BodySection], coming: list[BodySection], old_order: list[str], new_order: list[str]
) -> list[BodySection]:
    """Insert the incoming sections: in the old order if it has the key, else in the new order.

    Beyond `MOST_GROUPS` runs of equal keys, which no sheet has, sections are appended.
    """
    parts = list(kept)
    known: set[str] = set()
    for number, (key, run) in enumerate(groupby(coming, lambda part: part.key)):
        if number >= MOST_GROUPS:
            parts.extend(run)
            continue
        order = old_order if key in old_order else new_order
        before = set(order[: order.index(key)]) | ({key} & known)
        place = max((n for n, p in enumerate(parts, 1) if p.key in before), default=0)
        while place < len(parts) and parts[place].key == key:
            place += 1
        parts[place:place] = run
        known.add(key)
    return parts


def header_section(key: str, template: SheetTemplate) -> str:
    """Return the key of the section of a header field; of the first header section if unknown."""
    headers = [s for s in template.sections if s.role == "header"]
    for section in headers:
        if any(f.key == key for f in section.fields):
            return section.key
    return headers[0].key if headers else ""


def note_lines(body: str) -> dict[str, str]:
    """Return the footnote definitions of a body, by label."""
    _text, notes = split_notes(body)
    return {label: note.text for label, note in notes.items()}


def joined_labels(
    known: Mapping[str, str], coming: Mapping[str, str], former: Mapping[str, str]
) -> dict[str, str]:
    """Return the new label of each incoming footnote: that of an equal footnote, or a free one.

    A footnote of `former`, the text before the change, gets its old label back if it is free.
    """
    by_text = {text: label for label, text in (*former.items(), *known.items())}
    taken = dict(known)
    labels: dict[str, str] = {}
    numbers = map(str, count(1))  # labels are never freed, so none is tried twice
    for label, text in coming.items():
        wanted = by_text.get(text, label)
        if taken.get(wanted, text) != text:
            wanted = next(number for number in numbers if number not in taken)
        labels[label] = wanted
        taken[wanted] = text
        by_text[text] = wanted
    return labels


def relabel_markers(text: str, labels: Mapping[str, str]) -> str:
    """Return the text with its footnote markers renamed, except in code blocks."""
    return outside_code(text, lambda part: relabel_text(part, labels))


def relabel_text(text: str, labels: Mapping[str, str]) -> str:
    return MARKER.sub(lambda m: f"[^{labels.get(m[1], m[1])}]", text)


def expand_footnotes(version: Version, template: SheetTemplate) -> dict[str, str]:
    """Return the text of each section, with each marker replaced by its footnote's text.

    Equal results mean equal sections, whatever the labels of their footnotes.
    """
    labels = note_lines(version.body)
    has_code = any(leaf.kind == "code" for leaf in scan(version.body).leaves)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for part in body_sections(version.body, template):
        found[part.key].append(part.text)
    texts = {key: "\n\n".join(parts) for key, parts in found.items()}
    for key in sorted(version.values):
        section = header_section(key, template)
        texts[section] = f"{texts.get(section, '')}\n{key}: {version.values[key]}"
    relabel = relabel_markers if has_code else relabel_text
    return {key: relabel(text, labels) for key, text in texts.items()}


def section_sizes(version: Version, template: SheetTemplate) -> dict[str, int]:
    """Return the number of words of each section, without headings and footnotes."""
    found: dict[str, int] = {}
    document = scan(version.body)
    for part in body_sections(version.body, template):
        text = text_without(document, {"note", "heading"}, part.start, part.end)
        number = len(folded_words(MARKER.sub("", text)))
        found[part.key] = found.get(part.key, 0) + number
    for key, value in version.values.items():
        section = header_section(key, template)
        found[section] = found.get(section, 0) + len(folded_words(MARKER.sub("", value)))
    return found
