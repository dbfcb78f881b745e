"""Edit: what a person types becomes the sheet's next revision, merged with what others saved."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import count

from django.db import transaction

from sheets.markdown.compose import compose
from sheets.markdown.parse import FENCE, NOTE, split_notes
from sheets.markdown.splice import (
    FENCED,
    Part,
    called,
    joined_labels,
    note_lines,
    parts_of,
    placed,
    relabelled,
)
from sheets.merge import Choice, Merged, Unsettled, Version, merge_versions, resolve, resolve_values
from sheets.models import Revision, Sheet
from sheets.models.schema_loader import load_template
from sheets.revisions.save import save_revision
from sheets.schema.types import Template
from wikico2.models import User

INLINE_CODE = re.compile(r"`[^`\n]+`")


class Clash(Exception):
    """Others have changed the same places meanwhile; `merged` has today's text as ours.

    `unsettled` names the conflicts for which a choice was asked and none was made.
    """

    def __init__(self, merged: Merged, current: Revision, unsettled: Iterable[str] = ()) -> None:
        super().__init__(merged, current)
        self.merged = merged
        self.current = current
        self.unsettled = list(unsettled)


# --- Saving ---------------------------------------------------------------------------------------


@transaction.atomic
def save_edit(
    sheet: Sheet,
    user: User,
    *,
    base: Revision | None,
    text: Version,
    comment: str = "",
    minor: bool = False,
    choices: Mapping[str, Choice] | None = None,
    onto: int = 0,
) -> Revision:
    """Save what a person made of `base`, merged with what was saved since.

    Where both have changed the same places Clash is raised and nothing is written, unless
    `choices` settle all of them for the revision of the number `onto`. The revision that is
    returned is the present one where the text says nothing new.
    """
    held = Sheet.objects.held(sheet)
    current = held.current
    origin, second = Revision.Origin.HUMAN, None
    if current and current != base:
        merged = merge_versions(version_of(base), version_of(current), text)
        if merged.conflicts and (choices is None or onto != current.number):
            raise Clash(merged, current)
        settled = choices or {}
        try:
            text = Version(resolve(merged, settled), resolve_values(merged, settled))
        except Unsettled:
            left = [c.id for c in merged.conflicts if c.id not in settled]
            raise Clash(merged, current, left) from None
        if base:
            origin, second = Revision.Origin.MERGE, base
    if current and is_same(text, version_of(current)):
        return current
    return save_revision(
        held,
        base=current,
        body=text.body,
        metadata=text.values,
        origin=origin,
        author=user,
        second_parent=second,
        comment=comment,
        minor=minor,
    )


@transaction.atomic
def restore(sheet: Sheet, user: User, revision: Revision, *, onto: int, comment: str) -> Revision:
    """Make a former version the sheet's next revision; raises StaleBase where it has moved on.

    `onto` is the number of the revision that the person saw as the current one.
    """
    held = Sheet.objects.held(sheet)
    seen = held.revisions.filter(number=onto).first()
    if seen == held.current and is_same(version_of(revision), version_of(seen)):
        return revision
    return save_revision(
        held,
        base=seen,
        body=revision.body,
        metadata=revision.metadata,
        origin=Revision.Origin.RESTORE,
        author=user,
        comment=comment,
    )


def version_of(revision: Revision | None) -> Version:
    """Return what a revision says; nothing for none."""
    return Version(revision.body, revision.metadata) if revision else Version("")


def is_same(a: Version, b: Version) -> bool:
    """Tell whether two versions say the same, blanks at either end apart."""
    return a.body.strip() == b.body.strip() and dict(a.values) == dict(b.values)


def start_of(sheet: Sheet) -> Version:
    """Return what an editor begins with: the sheet as it is, or the headings of its type."""
    if sheet.current:
        return version_of(sheet.current)
    return Version(*compose(load_template(sheet.sheet_type), {}, {}))


# --- One section ----------------------------------------------------------------------------------


def cut_section(version: Version, key: str, template: Template) -> str:
    """Return a section with the footnotes that it calls; its bare heading where there is none."""
    text = "\n\n".join(p.text for p in parts_of(version.body, template) if p.key == key)
    if not text:
        brief = next((s for s in template.sections if s.key == key), None)
        return f"## {brief.emoji} {brief.heading}".replace("  ", " ") + "\n\n" if brief else ""
    calls = called([text])
    notes = "\n".join(f"[^{m}]: {t}" for m, t in note_lines(version.body).items() if m in calls)
    return f"{text}\n\n{notes}\n" if notes else f"{text}\n"


def put_section(into: Version, key: str, typed: str, template: Template) -> Version:
    """Return `into` with what was typed in the place of a section, its footnotes put to the others.

    The section may have got another heading, or several, or none. A footnote that is worded
    otherwise than elsewhere in the sheet gets a label of its own; one whose definition is gone but
    that is still called keeps the former.
    """
    text, notes = split_notes(typed)
    old = parts_of(into.body, template)
    stay = [p for p in old if p.key != key]
    known = note_lines(into.body)
    left = called(p.text for p in old if p.key == key)
    kept = called([*(p.text for p in stay), *into.values.values()])
    calls = called([text])
    defined = {m: t for m, t in known.items() if m in kept or m not in left}
    defined |= {m: known[m] for m in calls if m in known and m not in notes}
    labels = joined_labels(defined, {m: n.text for m, n in notes.items()}, known)
    defined |= {labels[m]: n.text for m, n in notes.items() if m in calls or m not in known}
    parts = placed(
        stay,
        [Part(key, relabelled(text, labels).strip("\n"))],
        [p.key for p in old],
        [s.key for s in template.sections],
    )
    ordered = {m: defined[m] for m in known if m in defined} | defined
    return Version(joined([*(p.text for p in parts), definitions(ordered)]), into.values)


def section_headings(version: Version, template: Template) -> dict[str, str]:
    """Return the words of the heading of each section that a version has, by key."""
    found: dict[str, str] = {}
    for part in parts_of(version.body, template):
        if part.key:
            found.setdefault(part.key, part.text.partition("\n")[0].lstrip("# ").strip())
    return found


def is_header(key: str, template: Template) -> bool:
    """Tell whether a section is the header data."""
    return any(s.key == key and s.role == "header" for s in template.sections)


# --- Footnotes ------------------------------------------------------------------------------------


def mended(text: Version, base: Version) -> Version:
    """Return a text whose footnotes fit its markers.

    A definition that was lost while its marker stayed comes back from `base`; one whose last
    marker was taken out goes too.
    """
    plain, notes = split_notes(text.body)
    calls = calls_of([plain, *text.values.values()])
    before = note_lines(base.body)
    lost = {m: before[m] for m in calls if m in before and m not in notes}
    orphans = {m for m in notes if m not in calls and m in before}
    if not lost and not orphans:
        return text
    left = {m: n.text for m, n in notes.items() if m not in orphans} | lost
    return Version(joined([plain.strip("\n"), definitions(left)]), text.values)


def undefined(text: Version) -> list[str]:
    """Return the markers that point to no footnote."""
    plain, notes = split_notes(text.body)
    return sorted(calls_of([plain, *text.values.values()]) - set(notes))


def defined_twice(body: str) -> list[str]:
    """Return the labels that stand for two different footnotes."""
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
    """Return the labels of the footnotes that are called, code left out."""
    return called(INLINE_CODE.sub("", piece) for text in texts for piece in FENCED.split(text)[::2])


def free_label(body: str) -> str:
    """Return the first number that no footnote of the body has."""
    taken = set(note_lines(body)) | called([body])
    return next(str(n) for n in count(1) if str(n) not in taken)


def with_note(body: str, note: str) -> tuple[str, str]:
    """Return the body with a footnote more, and its label; the one it has where it is there."""
    text, _notes = split_notes(body)
    notes = note_lines(body)
    known = next((label for label, words in notes.items() if words == note), None)
    if known:
        return body, known
    label = free_label(body)
    return joined([text.rstrip("\n"), definitions(notes | {label: note})]), label


def definitions(notes: Mapping[str, str]) -> str:
    return "\n".join(f"[^{label}]: {text}" for label, text in notes.items())


def joined(blocks: Iterable[str]) -> str:
    return "\n\n".join(block for block in blocks if block).strip("\n") + "\n"
