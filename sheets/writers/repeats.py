"""Leave out what was said before: among candidates, and in the drafts of a sheet. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from sheets.schema.types import (
    DraftStatement,
    DroppedDraft,
    SectionBrief,
    SectionDraft,
    SheetTemplate,
    TableRow,
)
from wikico2.text.normalize import folded_words, stem_set

Item = TypeVar("Item")


def without_near_duplicates(
    items: Iterable[Item], text: Callable[[Item], str], share: float
) -> Iterator[Item]:
    """Yield the items, but none that says the same as one before it.

    Two texts do so that have at least `share` of the stems of the shorter one in common. Each item
    is compared with all that were yielded, so the caller takes only a few.
    """
    yielded: list[frozenset[str]] = []
    for item in items:
        stems = stem_set(text(item))
        if all(len(stems & o) < share * max(1, min(len(stems), len(o))) for o in yielded):
            yielded.append(stems)
            yield item


def without_repeats(
    template: SheetTemplate, drafts: Mapping[str, SectionDraft]
) -> dict[str, SectionDraft]:
    """Return the drafts with each statement once, where it stands first, and the rest dropped.

    The summary and the header data may repeat what a section says.
    """
    said: dict[str, str] = {}
    found = dict(drafts)
    for section in template.written:
        if section.key in drafts and section.role == "body" and section.key != "resume":
            found[section.key] = _say_once(section, drafts[section.key], said)
    return found


def _say_once(section: SectionBrief, draft: SectionDraft, said: dict[str, str]) -> SectionDraft:
    """Return a section's draft without what `said` has, to which its own statements are added."""
    dropped = list(draft.dropped)
    headings = {f.key: f.heading for f in section.fields}
    fields = []
    for field in draft.fields:
        place = headings.get(field.key, section.heading)
        kept = [s for s in field.statements if _is_new(field.key, s, place, said, dropped)]
        rows = [r for r in field.rows if _is_new(field.key, r, place, said, dropped)]
        fields.append(replace(field, statements=tuple(kept), rows=tuple(rows)))
    return replace(draft, fields=tuple(fields), dropped=tuple(dropped))


def _is_new(
    field: str,
    one: DraftStatement | TableRow,
    place: str,
    said: dict[str, str],
    dropped: list[DroppedDraft],
) -> bool:
    text = one.text if isinstance(one, DraftStatement) else " | ".join(one.cells)
    key = " ".join(folded_words(text))
    if key in said:
        dropped.append(DroppedDraft(field, text, (("said_elsewhere", said[key]),), one.sources))
        return False
    said[key] = place
    return True
