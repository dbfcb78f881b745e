"""Rename and merge categories, systems and sectors, together with the sheets that bear them."""

from collections.abc import Collection

from django.db import transaction

from sheets.curation.bulk import request_bulk_action
from sheets.models import BulkAction, Field, VocabularyTerm, Watch
from sheets.models.vocabulary import LONGEST_NAME
from wikico2.accounts.audit import record
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.text.normalize import fold_text, visible_line


def rename_term(term: VocabularyTerm, name: str, user: User) -> BulkAction | None:
    """Give a term another name, here and in the sheets that bear it; return that action, if any.

    Raises UserError: term_empty, or term_taken if another term of the kind has the name.
    """
    name = visible_line(name)[:LONGEST_NAME]
    folded = fold_text(name)[:250]
    if not folded:
        raise UserError("term_empty")
    with transaction.atomic():
        others = VocabularyTerm.objects.meaning(term.kind, [folded]).exclude(pk=term.pk)
        if other := others.first():
            raise UserError("term_taken", name=other.name)
        held = VocabularyTerm.objects.select_for_update(of=("self",)).get(pk=term.pk)
        before = held.name
        held.former = sorted({*held.former, held.folded} - {folded})
        held.name = name
        held.save()
        term.name, term.folded, term.former = held.name, held.folded, held.former
        _take_along(held, [before])
        record("term.rename", term, user, old=before)
    return _write_into_sheets(held, user)


def merge_terms(
    kept: VocabularyTerm, others: Collection[VocabularyTerm], user: User
) -> BulkAction | None:
    """Make other terms of the same kind former names of `kept`, also in the sheets that bear them.

    Returns the action on the sheets, if there are any. Raises UserError term_other_kind.
    """
    if any(other.kind != kept.kind for other in others):
        raise UserError("term_other_kind")
    merged = [other for other in others if other.pk != kept.pk]
    with transaction.atomic():
        held = VocabularyTerm.objects.select_for_update(of=("self",)).get(pk=kept.pk)
        names = {name for other in merged for name in other.known_as}
        held.former = sorted({*held.former, *names} - {held.folded})
        for other in merged:
            held.sheets.add(*other.sheets.all())
            other.delete()
        held.save()
        kept.former = held.former
        names_before = [other.name for other in merged]
        _take_along(held, names_before)
        record("term.merge", kept, user, names=names_before)
    return _write_into_sheets(held, user)


def _write_into_sheets(term: VocabularyTerm, user: User) -> BulkAction | None:
    ids = list(term.sheets.order_by("pk").values_list("pk", flat=True)[: BulkAction.MOST_ROWS])
    if not ids:
        return None
    return request_bulk_action(BulkAction.Action.TERM, ids, user, str(term.pk))


def _take_along(term: VocabularyTerm, before: Collection[str]) -> None:
    """Rename what refers to a term by its name: watches, and the choices of fields."""
    if term.kind == VocabularyTerm.Kind.CATEGORY:
        for watch in Watch.objects.filter(category__in=before):
            if Watch.objects.filter(user=watch.user_id, category=term.name).exists():
                watch.delete()
            else:
                Watch.objects.filter(pk=watch.pk).update(category=term.name)
    for field in Field.objects.filter(key__in=VocabularyTerm.FIELDS[term.kind]).exclude(choices=[]):
        choices = [term.name if fold_text(c) in term.known_as else c for c in field.choices]
        if choices != field.choices:
            field.choices = list(dict.fromkeys(choices))
            field.save(update_fields=["choices"])
