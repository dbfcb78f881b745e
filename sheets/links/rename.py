"""Rename a sheet; its old title and address redirect to it, and no text is changed."""

from collections.abc import Iterator

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from sheets.links.wikilinks import fold_sheet_title
from sheets.models import Sheet, SheetEvent, SheetRedirect
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.text.normalize import plain_letters, visible_line

RESERVED_SLUGS = frozenset({"nouvelle", "vers", "demandees", "supprimees", "echeances"})
TRIES = 1_000


def free_slugs(title: str, sheet: Sheet | None = None) -> Iterator[str]:
    """Yield slugs for a title that no other sheet has or had."""
    stem = slugify(plain_letters(title))[:200] or "fiche"
    for number in range(1, TRIES):
        slug = stem if number == 1 else f"{stem}-{number}"
        taken = Sheet.all_sheets.filter(slug=slug)
        former = SheetRedirect.objects.filter(slug=slug)
        if sheet is not None:
            taken, former = taken.exclude(pk=sheet.pk), former.exclude(sheet=sheet)
        if slug not in RESERVED_SLUGS and not taken.exists() and not former.exists():
            yield slug


def rename_sheet(sheet: Sheet, title: str, user: User | None) -> Sheet:
    """Give the sheet another title and a matching slug.

    Raise UserError: title_taken, if another sheet has the title; internal, if no slug is free.
    """
    title = visible_line(title)
    for slug in free_slugs(title, sheet):
        try:
            return _rename_locked(sheet, title, slug, user)
        except IntegrityError:  # another request took the title or the slug meanwhile
            require_free_title(title, sheet)
    raise UserError("internal", reason=f"slug of {title}")


def require_free_title(title: str, sheet: Sheet | None = None) -> None:
    """Raise UserError title_taken if another sheet has the title."""
    others = Sheet.objects.exclude(pk=sheet.pk) if sheet else Sheet.objects.all()
    if same := others.titled(title).first():
        raise UserError("title_taken", title=same.title, address=same.get_absolute_url())


@transaction.atomic
def _rename_locked(sheet: Sheet, title: str, slug: str, user: User | None) -> Sheet:
    locked = Sheet.objects.lock(sheet)
    if locked.title == title:
        return locked
    old_title, old_slug = locked.title, locked.slug
    locked.redirects.filter(slug=slug).delete()  # the sheet itself has that slug again
    locked.title, locked.slug = title, slug
    locked.save(update_fields=["title", "slug"])
    SheetRedirect.objects.create(
        sheet=locked,
        title=old_title,
        folded=fold_sheet_title(old_title),
        slug=old_slug if old_slug != slug else None,
        renamed_by=user,
    )
    SheetEvent.objects.write(locked, SheetEvent.Kind.RENAMED, user, old=old_title, new=title)
    return locked
