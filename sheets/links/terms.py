"""Keep which terms of the vocabulary each sheet bears, as its current version says."""

from collections.abc import Mapping

from django.db.models import Q

from sheets.models import Sheet, VocabularyTerm
from sheets.models.vocabulary import names_in_header


def save_terms(sheet: Sheet, header: Mapping[str, str]) -> dict[str, list[VocabularyTerm]]:
    """Store the terms that a sheet bears; return them by kind, in the order of the text.

    A name that is new becomes a term.
    """
    wanted = {kind: names_in_header(header, kind) for kind in VocabularyTerm.Kind.values}
    given = [(kind, names) for kind, names in wanted.items() if names]
    known: list[VocabularyTerm] = []
    if given:
        condition = Q(pk__in=())
        for kind, names in given:
            condition |= Q(kind=kind, folded__in=names) | Q(kind=kind, former__overlap=list(names))
        known = list(VocabularyTerm.objects.filter(condition))
        known += _add_missing(given, known)
    found = {kind: _in_order(names, kind, known) for kind, names in wanted.items()}
    sheet.terms.set([term for terms in found.values() for term in terms])
    return found


def _add_missing(
    given: list[tuple[str, dict[str, str]]], known: list[VocabularyTerm]
) -> list[VocabularyTerm]:
    """Create the terms that no row stands for; another worker may do so at the same time."""
    there = {(term.kind, name) for term in known for name in term.known_as}
    missing = [
        VocabularyTerm(kind=kind, name=name, folded=folded)
        for kind, names in given
        for folded, name in names.items()
        if (kind, folded) not in there
    ]
    if not missing:
        return []
    VocabularyTerm.objects.bulk_create(missing, ignore_conflicts=True)
    condition = Q(pk__in=())
    for term in missing:
        condition |= Q(kind=term.kind, folded=term.folded)
    return list(VocabularyTerm.objects.filter(condition))


def _in_order(
    names: Mapping[str, str], kind: str, known: list[VocabularyTerm]
) -> list[VocabularyTerm]:
    """Return the terms of a kind that the names mean, each once; a present name goes first."""
    meant: dict[str, VocabularyTerm] = {}
    for term in known:
        if term.kind == kind:
            meant.update({name: term for name in term.former if name not in meant})
    meant.update({term.folded: term for term in known if term.kind == kind})
    return list(dict.fromkeys(meant[folded] for folded in names if folded in meant))
