"""Check and repair the footnotes of a body: markers, definitions, free labels."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import count

from sheets.markdown.parse import FENCE, NOTE, split_notes
from sheets.markdown.splice import called_labels, cut_fences, note_lines
from sheets.markdown.version import Version

INLINE_CODE = re.compile(r"`[^`\n]+`")


def repair_footnotes(text: Version, base: Version) -> Version:
    """Return the version with footnote definitions that match its markers.

    A missing definition is restored from `base`; one of `base` without a marker is removed.
    """
    plain, notes = split_notes(text.body)
    calls = calls_of([plain, *text.values.values()])
    before = note_lines(base.body)
    lost = {m: before[m] for m in calls if m in before and m not in notes}
    orphans = {m for m in notes if m not in calls and m in before}
    if not lost and not orphans:
        return text
    left = {m: n.text for m, n in notes.items() if m not in orphans} | lost
    return Version(join_blocks([plain.strip("\n"), write_definitions(left)]), text.values)


def undefined_markers(text: Version) -> list[str]:
    """Return the labels of markers without a footnote definition."""
    plain, notes = split_notes(text.body)
    return sorted(calls_of([plain, *text.values.values()]) - set(notes))


def defined_twice(body: str) -> list[str]:
    """Return the labels that two different footnotes use."""
    labels: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    fenced = False
    for line in body.splitlines():
        fenced ^= bool(FENCE.match(line))
        match = None if fenced else NOTE.match(line)
        if match and (match[1], match[2]) not in seen:
            seen.add((match[1], match[2]))
            labels[match[1]] += 1
    return [label for label, times in labels.items() if times > 1]


def calls_of(texts: Iterable[str]) -> set[str]:
    """Return the labels of the footnote markers outside code."""
    return called_labels(
        INLINE_CODE.sub("", piece)
        for text in texts
        for piece, fenced in cut_fences(text)
        if not fenced
    )


def next_free_label(body: str) -> str:
    """Return the lowest number that no footnote of the body uses."""
    taken = set(note_lines(body)) | called_labels([body])
    return next(str(n) for n in count(1) if str(n) not in taken)


def with_note(body: str, note: str) -> tuple[str, str]:
    """Return (body, label) with the footnote added; an equal footnote is reused."""
    text, _notes = split_notes(body)
    notes = note_lines(body)
    known = next((label for label, words in notes.items() if words == note), None)
    if known:
        return body, known
    label = next_free_label(body)
    return join_blocks([text.rstrip("\n"), write_definitions(notes | {label: note})]), label


def write_definitions(notes: Mapping[str, str]) -> str:
    return "\n".join(f"[^{label}]: {text}" for label, text in notes.items())


def join_blocks(blocks: Iterable[str]) -> str:
    return "\n\n".join(block for block in blocks if block).strip("\n") + "\n"
