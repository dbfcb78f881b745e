"""Check and repair the footnotes of a body: markers, definitions, free labels."""

from collections import Counter
from itertools import count

from sheets.markdown.parse import called_markers, note_text, split_notes
from sheets.markdown.scanner import scan
from sheets.markdown.splice import called_labels, note_lines, write_notes
from sheets.markdown.version import Version


def repair_footnotes(text: Version, base: Version) -> Version:
    """Return the version with footnote definitions that match its markers.

    A missing definition is restored from `base`; one of `base` without a marker is removed.
    """
    _text, notes = split_notes(text.body)
    calls = calls_of(text)
    before = note_lines(base.body)
    lost = {m: before[m] for m in calls if m in before and m not in notes}
    orphans = {m for m in notes if m not in calls and m in before}
    if not lost and not orphans:
        return text
    left = {m: n.text for m, n in notes.items() if m not in orphans} | lost
    return Version(write_notes(text.body, left), text.values)


def undefined_markers(text: Version) -> list[str]:
    """Return the labels of markers without a footnote definition."""
    return sorted(calls_of(text) - set(note_lines(text.body)))


def calls_of(text: Version) -> set[str]:
    """Return the labels of the footnote markers of a version, outside code."""
    return {label for part in (text.body, *text.values.values()) for label in called_markers(part)}


def defined_twice(body: str) -> list[str]:
    """Return the labels that two different footnotes use."""
    document = scan(body)
    texts = {(note.marker, note_text(document, note)) for note in document.notes}
    labels = Counter(label for label, _text in texts)
    order = dict.fromkeys(note.marker for note in document.notes)
    return [label for label in order if labels[label] > 1]


def next_free_label(body: str) -> str:
    """Return the lowest number that no footnote of the body uses."""
    taken = set(note_lines(body)) | called_labels([body])
    return next(str(n) for n in count(1) if str(n) not in taken)


def with_note(body: str, note: str) -> tuple[str, str]:
    """Return (body, label) with the footnote added; an equal footnote is reused."""
    notes = note_lines(body)
    known = next((label for label, words in notes.items() if words == note), None)
    if known:
        return body, known
    label = next_free_label(body)
    return write_notes(body, notes | {label: note}), label
