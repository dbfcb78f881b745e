"""Who wrote the text of a sheet, who modified it, and who validated a version of it.

A generated text stays the program's, however many people have accepted it or changed a word of it;
accepting or restoring a text makes nobody its author.
"""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sheets.models import Generation, Proposal, Revision, Sheet
from wikico2.models import User

NAMED = 5
"""How many of those who modified a sheet are named."""


@dataclass(frozen=True)
class Authorship:
    """Who wrote a text: a generation or a person; `editors` modified it, the latest first."""

    generation: Generation | None
    writer: User | None
    editors: tuple[User, ...]


def authorship_of(sheet: Sheet, revision: Revision) -> Authorship:
    """Return who wrote the text of a revision, by the history up to it, in four queries."""
    suggested = Proposal.objects.filter(accepted_as=OuterRef("pk"), generation=None)
    history = sheet.revisions.filter(number__lte=revision.number).order_by("-number")
    rows = list(
        history.annotate(suggested=Exists(suggested)).values_list(
            "origin", "author_id", "generation_id", "suggested", "pk"
        )
    )
    generated = next((run for _o, _a, run, _s, _pk in rows if run), None)
    editors: dict[int, None] = {}
    accepted = [pk for _o, _a, run, is_suggested, pk in rows if is_suggested and not run]
    suggesting = _authors_of_suggestions(accepted)
    for origin, author, run, is_suggested, pk in rows:
        if is_suggested and not run:
            editors |= dict.fromkeys(suggesting.get(pk, ()))
        elif author and not run and origin != Revision.Origin.RESTORE:
            editors[author] = None
    first = rows[-1] if rows else None
    writer = first[1] if first and not first[2] else None
    editors.pop(writer or 0, None)
    people = User.objects.in_bulk([*editors, *([writer] if writer else [])])
    return Authorship(
        _generation(revision, generated),
        people.get(writer) if writer else None,
        tuple(people[pk] for pk in editors if pk in people),
    )


def _generation(revision: Revision, generated: int | None) -> Generation | None:
    """Return the run that wrote the text: the revision's own is mostly read already."""
    if generated is None or generated == revision.generation_id:
        return revision.generation
    return Generation.objects.filter(pk=generated).first()


def _authors_of_suggestions(revisions: list[int]) -> dict[int, list[int]]:
    """Return the accounts whose suggestions were accepted as these revisions."""
    found: dict[int, list[int]] = {}
    if revisions:
        rows = Proposal.objects.filter(accepted_as__in=revisions, author__isnull=False)
        for revision, author in rows.values_list("accepted_as", "author"):
            found.setdefault(revision, []).append(author)
    return found


def authorship_line(authorship: Authorship, sheet: Sheet) -> str:
    """Return who wrote, modified and validated a sheet, on one line in the active language."""
    parts = []
    if authorship.generation is not None:
        parts.append(automatic_writer(authorship.generation))
    if authorship.writer is not None:
        parts.append(_("Written by %(person)s") % {"person": authorship.writer})
    if authorship.editors:
        names = ", ".join(str(person) for person in authorship.editors[:NAMED])
        if more := len(authorship.editors) - NAMED if len(authorship.editors) > NAMED else 0:
            others = ngettext("%(n)s other", "%(n)s others", more) % {"n": more}
            names = _("%(names)s and %(others)s") % {"names": names, "others": others}
        parts.append(_("modified by %(names)s") % {"names": names})
    if sheet.validated_revision_id is not None and sheet.validated_by is not None:
        given = {"person": sheet.validated_by}
        if sheet.is_validated:
            parts.append(_("validated by %(person)s") % given)
        else:
            parts.append(_("a former version validated by %(person)s") % given)
    return " · ".join(parts)


def automatic_writer(generation: Generation) -> str:
    """Return what wrote the text of a generation: the model and the version of the prompt."""
    if generation.backend == "local":
        return _("Written by automatic extraction, without a language model")
    if not generation.prompt_version:
        return _("Written automatically (%(model)s)") % {"model": generation.model}
    return _("Written automatically (%(model)s, prompt %(version)s)") % {
        "model": generation.model,
        "version": generation.prompt_version,
    }


def revision_author(revision: Revision) -> str:
    """Return who made one revision, and what they did: wrote, modified, accepted, restored."""
    person = revision.author or _("a person whose account no longer exists")
    given = {"person": person}
    origin = Revision.Origin
    if revision.generation is not None:
        written = automatic_writer(revision.generation)
        if revision.origin == origin.GENERATED:
            return written
        return f"{written} · " + _("accepted by %(person)s") % given
    if revision.origin == origin.MERGE:
        suggestion = next(iter(revision.accepted_proposals.all()), None)
        if suggestion is not None:
            suggested = _("Suggested by %(person)s") % {"person": suggestion.by_whom}
            return f"{suggested} · " + _("accepted by %(person)s") % given
    if revision.origin == origin.RESTORE:
        return _("Restored by %(person)s") % given
    if revision.number > 1 or revision.parent_id:
        return _("Modified by %(person)s") % given
    return _("Written by %(person)s") % given
