"""The numbers by which a reader knows the footnotes of two versions of a sheet. Pure."""

from collections.abc import Iterable, Mapping

from sheets.markdown.parse import Note, called_markers, split_notes
from sheets.merge import MergeResult, Version
from sheets.merge.footnotes import Content, content_of
from sheets.rendering.footnotes import reading_order
from sheets.schema.types import SheetTemplate


class NoteNumbers:
    """The number of each note by its content: that of our page, else one after them.

    By content, since the labels of two merges differ, and a side may write the same citation
    otherwise.
    """

    def __init__(self, ours: Version, template: SheetTemplate) -> None:
        known = split_notes(ours.body)[1]
        self.numbers: dict[Content, int] = {}
        order = reading_order(ours, template)
        for number, label in enumerate(order, 1):
            self.numbers.setdefault(content_of(known[label].text), number)
        self.last = len(order)

    def hand_on(self, replaced: Iterable[tuple[str, str]], notes: Mapping[str, Note]) -> None:
        """Give the number of each note of ours to the first one that takes its place."""
        followed: set[str] = set()
        for old, new in replaced:
            if old not in notes or new not in notes or old in followed:
                continue
            number = self.numbers.get(content_of(notes[old].text))
            if number is not None:
                self.numbers.setdefault(content_of(notes[new].text), number)
                followed.add(old)

    def by_label(self, notes: Mapping[str, Note]) -> dict[str, str]:
        """Return the number of each of these notes by its label."""
        return {label: str(self.number(content_of(note.text))) for label, note in notes.items()}

    def number(self, content: Content) -> int:
        if content not in self.numbers:
            self.last += 1
            self.numbers[content] = self.last
        return self.numbers[content]


def replaced_notes(items: MergeResult, after: Version) -> dict[str, list[tuple[str, str]]]:
    """Return, by item, the labels of each note that is no longer called and of that in its place.

    `after` is the text with all the items taken.
    """
    called = set(called_markers(after.body))
    called.update(*map(called_markers, after.values.values()))
    pairs: dict[str, list[tuple[str, str]]] = {}
    for item in items.conflicts:
        old, new = called_markers(item.ours), called_markers(item.theirs)
        if len(old) == len(new):
            both = zip(old, new, strict=True)
            pairs[item.id] = [(a, b) for a, b in both if a != b and a not in called]
    return pairs
