"""Filter sheets by the fields of a query: `type:solution secteur:laiterie etat:publié`."""

from collections.abc import Callable

from django.db.models import Q
from django.utils import translation

from sheets.models import Sheet, SheetType
from wikico2.filters import FilterField, clean_line
from wikico2.text.analyzer import main_lexemes
from wikico2.text.normalize import fold_text

FIELDS = {
    "type": "type",
    "secteur": "sector",
    "secteurs": "sector",
    "sector": "sector",
    "systeme": "system",
    "systemes": "system",
    "system": "system",
    "etat": "state",
    "statut": "state",
    "state": "state",
}
"""The folded word before a colon, and the name of its filter field."""


def _of_type(value: str) -> Q:
    folded = fold_text(value)
    keys = [
        kind.key
        for kind in SheetType.objects.all()
        if any(
            fold_text(name).startswith(folded)
            for name in (kind.key, kind.name_fr, kind.plural_fr, kind.name_en, kind.plural_en)
        )
    ]
    return Q(sheet_type__key__in=keys)


def _in_state(value: str) -> Q:
    folded = fold_text(value)
    return Q(
        state__in=[s for s in Sheet.State if any(n.startswith(folded) for n in _matches_state(s))]
    )


def _matches_state(state: Sheet.State) -> list[str]:
    names = [state.value]
    for language in ("fr", "en"):
        with translation.override(language):
            names.append(fold_text(str(state.label)))
    return names


def _column_contains(column: str) -> Callable[[str], Q]:
    def condition(value: str) -> Q:
        lexemes = main_lexemes(value)
        if not lexemes:
            return Q(pk__in=[])
        return Q(*(Q(**{f"searched__{column}__contains": f" {lexeme} "}) for lexeme in lexemes))

    return condition


QUERY_FIELDS = (
    FilterField("type", clean_line, _of_type),
    FilterField("state", clean_line, _in_state),
    FilterField("sector", clean_line, _column_contains("sector")),
    FilterField("system", clean_line, _column_contains("system")),
)
"""The filter fields of a query; an unknown value matches nothing."""
INDEXED_FIELDS = frozenset({"sector", "system"})
"""Those that look into the index of current texts."""
