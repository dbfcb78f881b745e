"""Read from a field in which units its answer must be. Pure."""

from sheets.schema.types import FieldBrief
from sheets.verification.quantities import loose_measures
from wikico2.text.normalize import folded_words

MONEY_UNITS = frozenset({"€", "$"})

# Units that the instruction of a field asks for, by its words: « Un montant par ligne ».
ASKED_FOR = {
    "montant": MONEY_UNITS, "montants": MONEY_UNITS,
    "duree": frozenset({"mois", "s"}), "durees": frozenset({"mois", "s"}),
}  # fmt: skip


def asked_units(field: FieldBrief) -> frozenset[str]:
    """Return the dimensions that a field asks for: « en kWh ou en pourcentage », « un montant »."""
    asked = folded_words(field.instruction)[:3]
    kinds = frozenset().union(*(ASKED_FOR.get(word, frozenset()) for word in asked))
    if not kinds and "valeur" not in asked:
        return frozenset()
    return kinds | {m.dimension for m in loose_measures(field.question)}
