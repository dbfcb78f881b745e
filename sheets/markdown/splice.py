"""Replace sections of one version by those of another, with their footnotes. Pure.

Sections begin at `## ` headings, and `sheets.markdown.parse.OutlineTracker` gives their keys;
header data belongs to the sections whose role is "header". The text before the first heading has
the key "".
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, groupby

from sheets.markdown.parse import FENCE, HEADING, MARKER, OutlineTracker, split_notes
from sheets.markdown.version import Version
from sheets.schema.types import SheetTemplate
from wikico2.text.normalize import folded_words

MOST_GROUPS = 200
FENCES = ("```", "~~~")
LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class BodySection:
    """One section of a body: its key, and its text with its heading."""

    key: str
    text: str


def body_sections(body: str, template: SheetTemplate) -> list[BodySection]:
    """Return the sections of a body in order, without footnote definitions."""
    text, _notes = split_notes(body)
    outline = OutlineTracker(template)
    found: list[tuple[str, list[str]]] = [("", [])]
    fenced = False
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else HEADING.match(line)
        if heading and len(heading[1]) <= 2:
            found.append((outline.section(heading[2]), []))
        found[-1][1].append(line)
    parts = [BodySection(key, "\n".join(lines).strip("\n")) for key, lines in found]
    return [part for part in parts if part.text.strip()]


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
    parts = order_sections(stay, coming, [p.key for p in old], [p.key for p in new])
    values |= {k: relabel_markers(v, labels) for k, v in coming_values.items()}
    lines = "\n".join(f"[^{label}]: {text}" for label, text in defined.items())
    blocks = [*(p.text for p in parts), lines]
    return Version("\n\n".join(b for b in blocks if b).strip("\n") + "\n", values)


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
    """Return the text with its footnote markers renamed, except in fenced code."""
    return "".join(
        piece if fenced else MARKER.sub(lambda m: f"[^{labels.get(m[1], m[1])}]", piece)
        for piece, fenced in cut_fences(text)
    )


def cut_fences(text: str) -> Iterator[tuple[str, bool]]:
    """Yield (piece, is fenced code) in order.

    A fence ends at a line that is only a fence mark, or at the end of the text.
    """
    lines: list[str] = []
    fenced = False
    for line in LINES.findall(text):
        opens = not fenced and line.lstrip().startswith(FENCES)
        closes = fenced and line.strip() in FENCES
        if opens:
            yield "".join(lines), False
            lines = []
        lines.append(line)
        if closes:
            yield "".join(lines), True
            lines = []
        fenced = opens or (fenced and not closes)
    yield "".join(lines), fenced


def expand_footnotes(version: Version, template: SheetTemplate) -> dict[str, str]:
    """Return the text of each section, with each marker replaced by its footnote's text.

    Equal results mean equal sections, whatever the labels of their footnotes.
    """
    labels = note_lines(version.body)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for part in body_sections(version.body, template):
        found[part.key].append(part.text)
    texts = {key: "\n\n".join(parts) for key, parts in found.items()}
    for key in sorted(version.values):
        section = header_section(key, template)
        texts[section] = f"{texts.get(section, '')}\n{key}: {version.values[key]}"
    return {key: relabel_markers(text, labels) for key, text in texts.items()}


def section_sizes(version: Version, template: SheetTemplate) -> dict[str, int]:
    """Return the number of words of each section, without headings and footnotes."""
    found: dict[str, int] = {}
    for part in body_sections(version.body, template):
        lines = [line for line in part.text.splitlines() if not HEADING.match(line)]
        number = len(folded_words(MARKER.sub("", "\n".join(lines))))
        found[part.key] = found.get(part.key, 0) + number
    for key, value in version.values.items():
        section = header_section(key, template)
        found[section] = found.get(section, 0) + len(folded_words(MARKER.sub("", value)))
    return found
