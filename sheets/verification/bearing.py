"""Tell whether one sentence, item or row bears a statement in other words. Pure.

The words of the statement are aligned, in order, with those of the unit. The unit bears it when
no word is new, what is left out of the unit limits nothing, and numbers, limits, modality and
negation agree. Everything else is for a judge or a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property, lru_cache

from sheets.markdown.sentences import (
    QuotableUnit,
    is_verb,
    needs_context,
    quotable_units,
    split_sentences,
)
from sheets.verification.quantities import (
    SPELLED,
    Quantity,
    find_quantities,
    loose_measures,
    spell_dates,
)
from sheets.verification.units import Measure, read_measure
from wikico2.text.normalize import fold_text, stem_word

JOINTS = frozenset("'’-")
PART = re.compile(r"\w+|[;:,.()!?–—]")

ARTICLES = frozenset(
    "le la les l un une des du de d au aux a en ce cet cette ces son sa ses leur leurs s se y "
    "the of an il elle ils elles on que qu et chaque entre".split()
)
"""Words that add or remove nothing by themselves."""

CONNECTIVES = frozenset(
    "ainsi donc or enfin toutefois cependant neanmoins egalement aussi alors effet "
    "outre ailleurs consequent exemple fait".split()
)
"""Words that join a sentence to the one before it."""

PREPOSITIONS = frozenset("pour dans sur chez dont".split())
"""Words that may change when a complement moves."""

NOUNS_LIKE_VERBS = frozenset("fixe place forme mesure compte limite porte cause finance".split())

COPULAS = frozenset(
    "est sont etre etait etaient sera seront vaut valent vaudra represente representent atteint "
    "atteignent s'eleve eleve elevent va vont aller allant varie varient variant compris comprise "
    "comprises comprend compte comptent correspond correspondent a ont avoir peser pese pesent "
    "fixe fixee estime estimee estimes estimees evalue evaluee evalues evaluees soit egal egale "
    "constitue constituent fournissent fournit presente presentent passe passent situe "
    "situent".split()
)
"""Verbs that only tie a subject to its value."""

LIMITS = {
    "min": "minimum minima minimal minimale", "max": "maximum maximal maximale maxima limite "
    "plafonne plafonnee plafond", "about": "environ approximativement quasi presque",
    "under": "inferieur inferieure inferieurs inferieures", "over": "superieur superieure "
    "superieurs superieures depasse depassent depasser excede excedent exceder",
    "mean": "moyenne moyen moyens moyennes",
}  # fmt: skip
LIMIT_OF = {word: kind for kind, words in LIMITS.items() for word in words.split()}

MODALS = {
    "can": "peut peuvent pourra pourront pourrait pourraient pouvoir pouvant possible possibles "
    "susceptible susceptibles eventuellement facultatif facultative facultatifs facultatives "
    "potentiellement",
    "often": "parfois generalement souvent certains certaines principalement quelquefois "
    "essentiellement habituellement couramment rarement quelques plupart majorite",
    "must": "doit doivent devra devront devrait devraient devoir faut faudra obligatoire "
    "obligatoires obligatoirement impose imposent exige exigent necessaire necessaires oblige "
    "obligent tenu tenus imperatif imperativement",
    "should": "recommande recommandee recommandes conseille conseillee conseilles souhaitable "
    "preferable prefere",
    "forbidden": "interdit interdite interdits interdites proscrit proscrite proscrits",
}
MODAL_OF = {word: kind for kind, words in MODALS.items() for word in words.split()}

NEGATIONS = frozenset(
    "pas jamais aucun aucune ni non sans sauf hors hormis excepte exclu exclus exclue exclues "
    "seul seule seuls seules seulement uniquement exclusivement ne n rien nul nulle contrairement "
    "tout tous toute toutes".split()
)
CONDITIONS = frozenset(
    "si lorsque lorsqu quand reserve condition conditions cas selon suivant sous tant "
    "pourvu moyennant quel quelle quels quelles qui dont pendant durant avant apres depuis "
    "pour afin contre entre chez dans sur avec hors".split()
)
"""Words that begin what limits a sentence; what they begin is not left out."""

PARENTHESIS = re.compile(r"\s?\((?![^()]*\b(?:hors|sauf|si|hormis|uniquement|seule?s?)\b)[^()]*\)")
"""A parenthesis that limits nothing."""

IN_YEAR = re.compile(r",? [Ee]n (?:19|20)\d\d\b,?")
LONGEST_LABEL = 80
LONGEST_VALUE = 6
"""Words of a cell that is a value."""

BOUNDARIES = frozenset({";", ".", ":", "–", "—", "("})
DIRECTIONS = {
    "down": "baiss abaiss dimin redu reduc reduis recul chut decroi",
    "up": "augment hauss accroi accru croiss progress",
}
SYNONYMS = {
    word: key
    for key, words in {
        "bati": "construit construite construits construites bati batie batis baties",
        "fourn": "fournir fournit fournissent delivre delivrent delivrer livre livrent",
        "alimente": "alimente alimentent alimentes alimentees desservi desservis desservie",
        "utilis": "utilise utilisent utiliser emploie emploient employer",
        "necessit": "necessite necessitent demande demandent requiert requierent",
        "recuper": "recupere recuperent valorise valorisent",
        "annuel": "annuel annuelle annuels annuelles",
    }.items()
    for word in words.split()
}
"""A few verbs of the field that say the same; the list is closed."""

DIRECTION_OF = {start: kind for kind, starts in DIRECTIONS.items() for start in starts.split()}

_NUMBER = rf"\d|(?:{'|'.join(SPELLED)})\b"
PHRASES = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"\bau moins\b|\bau minimum\b|\bà minima\b|\bà partir d(?:e|u|es)\b", " minimum "),
        (
            r"\bau plus\b(?! (?:tard|tôt|près|haut|vite)\b)|\bau maximum\b"
            r"|\bdans la limite d(?:e|u|es)\b",
            " maximum ",
        ),
        (r"\bjusqu[’']?(?:à|au|aux|en)?\b", " maximum "),
        (r"\b(?:de )?l[’']ordre d(?:e|u|es)\b|\bprès de\b|\bautour d(?:e|u|es)\b", " environ "),
        (
            rf"\b(?:de )?moins d(?:e |[’'])(?={_NUMBER})|\ben[- ]deçà d(?:e |u |es |[’'])"
            r"|\binférieure?s? (?:ou égale?s? )?(?:à|au|aux)\b",
            " inferieur ",
        ),
        (
            rf"\b(?:de )?plus d(?:e |[’'])(?={_NUMBER})|\bau[- ]delà d(?:e |u |es |[’'])"
            r"|\bsupérieure?s? (?:ou égale?s? )?(?:à|au|aux)\b",
            " superieur ",
        ),
        (r"\bs[’'](?:élève|élèvent|établit|établissent) à\b", " est "),
        (
            r"\bsuivant (?=l[ea’']|un|ce)|\ben fonction d(?:e|u|es)\b|\bd[’']après (?=l[ea’'])",
            " selon ",
        ),
        (r"\bqui (?:varie|varient|va|vont|est|sont) (?:comprise?s? )?(?=entre|de)", " variant "),
        (r"\bpar (?:conséquent|exemple|ailleurs)\b", " donc "),
        (r"\beaux? chaudes? sanitaires?\b", " ECS "),
        (r"\bgaz à effet de serre\b", " GES "),
        (r"\bénergies? renouvelables?\b", " EnR "),
        (r"\bpompes? à chaleur\b", " PAC "),
    )
)
"""Set phrases, each written as one word, so that « au moins » and « moins de » are told apart."""

COLLECTIVES = {
    "dizaine": 10, "douzaine": 12, "quinzaine": 15, "vingtaine": 20, "trentaine": 30,
    "quarantaine": 40, "cinquantaine": 50, "soixantaine": 60, "centaine": 100,
}  # fmt: skip
COLLECTIVE = re.compile(rf"\bune ({'|'.join(COLLECTIVES)}) d(?:e |[’'])", re.IGNORECASE)
"""« une trentaine de kilomètres » is « environ 30 kilomètres »."""

CONNECTIVE_OPENING = re.compile(
    r"(?:[àa] (?:cette fin|cet effet|ce titre)|de plus|de même|en effet|en outre|en revanche|"
    r"par ailleurs|par conséquent|par exemple|ainsi|toutefois|cependant|néanmoins|enfin)\s?,\s+",
    re.IGNORECASE,
)
"""An opening that joins a sentence to the one before it, and says nothing more."""

PASSIVE = re.compile(
    r"(?P<patient>[^,;:()]{3,120}?)\s(?:est|sont)\s(?P<verb>[^\W\d_]{2,20}(?:é|i|u|is|it)e?s?)\spar\s"
    r"(?P<agent>[^,;:()]{3,120}?)\.?$"
)
"""« A est assuré par B » is « B assure A »."""

ELLIPTICAL = frozenset("dont puis contre".split())
"""After these words a number without a unit may have that of the number before them: « 6 hectares,
dont 3,5 imperméabilisés »."""

LIGHT = frozenset("type terme niveau valeur".split())
"""Nouns that say nothing that the noun after them does not."""

QUANTITY_NOUNS = {
    "W": "puissance", "Wh": "consommation energie", "€": "cout prix montant", "%": "taux part",
    "°C": "temperature", "m2": "surface", "m": "longueur distance", "mois": "duree",
    "g": "masse emissions", "m3": "volume",
}  # fmt: skip
"""What a unit alone already says of its quantity."""

LAWS = frozenset("loi code decret arrete ordonnance".split())
"""What an article belongs to: « l’article 25 de la loi » is « l’article 25 »."""

STOPS = frozenset("donc car puisque soit".split())
"""Words that begin a reason or a consequence, which may be left out."""

Key = str


@dataclass(frozen=True)
class Part:
    """A word, number or mark of a text; `key` is what it is compared by."""

    written: str
    key: Key
    kind: str  # "word", "number", "mark"
    quantity: Quantity | None = None
    measures: tuple[Measure, ...] = ()
    """Measures that a bare number of a table may have, from its headings."""
    joint: str = field(default=" ", compare=False)
    """What ties it to the part before: an apostrophe, a hyphen, a space or nothing."""

    @property
    def carries(self) -> bool:
        """Tell whether the part says something by itself."""
        return self.kind == "number" or (
            self.kind == "word" and self.key not in ARTICLES and self.key not in CONNECTIVES
        )


@dataclass(frozen=True)
class EvidenceUnit:
    """A sentence, item or row, with the words that stand over it."""

    text: str
    parts: tuple[Part, ...]
    context: frozenset[Key] = frozenset()
    is_row: bool = False
    needed: frozenset[Key] = frozenset()
    """Of a cell: the words of its row and column that a statement about it has to name."""

    @cached_property
    def keys(self) -> frozenset[Key]:
        """Return what its parts are compared by."""
        return evidence_keys(self.parts)


@dataclass(frozen=True)
class Bearing:
    """How well a unit bears a statement: the words that it does not, and why it does not."""

    unborne: tuple[str, ...] = ()
    reasons: tuple[tuple[str, str], ...] = ()
    matched: int = 0

    @property
    def holds(self) -> bool:
        return not self.unborne and not self.reasons


# --- Parts ----------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def read_parts(text: str) -> tuple[Part, ...]:
    """Return the words, quantities and marks of a text in order."""
    text = COLLECTIVE.sub(lambda m: f"environ {COLLECTIVES[m[1].lower()]} ", spell_dates(text))
    for pattern, word in PHRASES:
        text = pattern.sub(word, text)
    quantities = sorted(find_quantities(text), key=lambda q: q.start)
    parts: list[Part] = []
    at = 0
    for quantity in quantities:
        if quantity.start < at:
            continue
        parts.extend(_words(text[at : quantity.start]))
        parts.append(_number(quantity))
        at = quantity.end
    parts.extend(_words(text[at:]))
    return tuple(_with_carried_units(_with_limits_first(parts)))


def _with_limits_first(parts: Sequence[Part]) -> list[Part]:
    """Put a limit that stands behind its number before it: « 35 % au minimum »."""
    ordered = list(parts)
    for i in range(len(ordered) - 1):
        number, limit = ordered[i : i + 2]
        after = ordered[i + 2] if i + 2 < len(ordered) else None
        if (
            number.kind == "number"
            and limit.key in {"limit:min", "limit:max", "limit:about"}
            and (after is None or after.kind != "number")
            and not (i and ordered[i - 1].key.startswith("limit:"))
        ):
            ordered[i], ordered[i + 1] = limit, number
    return ordered


def _with_carried_units(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield parts; a bare number after « dont » may have the unit of the number before it."""
    unit: Measure | None = None
    for i, part in enumerate(parts):
        if part.quantity is None:
            unit = None if part.key in {";", ".", ":"} else unit
        elif part.quantity.measure:
            unit = part.quantity.measure
        elif unit and _is_elliptical(parts, i):
            yield replace(part, measures=(unit,))
            continue
        yield part


def _is_elliptical(parts: Sequence[Part], at: int) -> bool:
    """Tell whether a bare number leaves its unit out: no noun that it counts follows."""
    before = [fold_text(p.written) for p in parts[max(at - 2, 0) : at]]
    if not ELLIPTICAL & set(before):
        return False
    after = parts[at + 1] if at + 1 < len(parts) else None
    if after is None or after.kind == "mark" or "," in parts[at].written:
        return True
    folded = fold_text(after.written)
    return folded in ARTICLES | PREPOSITIONS | COPULAS or is_verb(folded)


def _number(quantity: Quantity) -> Part:
    return Part(quantity.written, "#", "number", quantity)


def _words(text: str) -> Iterator[Part]:
    for match in PART.finditer(text):
        if match[0] in ";:,.()!?–—":
            yield Part(match[0], match[0], "mark", joint="" if match[0] in ",.)" else " ")
            continue
        folded = fold_text(match[0])
        if value := SPELLED.get(folded):
            yield _number(Quantity(match[0], frozenset({Decimal(value).normalize()}), spelled=True))
        elif folded:
            joint = text[match.start() - 1 : match.start()]
            yield Part(match[0], word_key(folded), "word", joint=joint if joint in JOINTS else " ")


@lru_cache(maxsize=65536)
def word_key(folded: str) -> Key:
    """Return what a folded word is compared by: a limit, a direction, or its stem."""
    if folded in ARTICLES or folded in NEGATIONS or folded in CONNECTIVES:
        return folded
    if folded in MODAL_OF:
        return f"modal:{MODAL_OF[folded]}"
    if folded in LIMIT_OF:
        return f"limit:{LIMIT_OF[folded]}"
    if folded in SYNONYMS:
        return SYNONYMS[folded]
    for length in (8, 7, 6, 5, 4):
        if kind := DIRECTION_OF.get(folded[:length]):
            return f"direction:{kind}"
    return stem_word(folded)


def _same(mine: Part, its: Part) -> bool:
    if mine.kind != its.kind:
        return False
    if mine.kind != "number":
        return mine.key == its.key
    assert mine.quantity
    assert its.quantity
    if mine.quantity.exactly(its.quantity):
        return True
    if its.quantity.measure is None:
        return any(mine.quantity.exactly(replace(its.quantity, measure=m)) for m in its.measures)
    return False


def evidence_keys(parts: Sequence[Part]) -> frozenset[Key]:
    """Return the keys of the parts that say something."""
    return frozenset(evidence_key(part) for part in parts if part.carries)


def evidence_key(part: Part) -> Key:
    """Return the key of a word, or the value of a number."""
    if part.quantity and part.quantity.readings:
        return str(min(abs(value) for value in part.quantity.readings))
    return part.key


# --- Alignment --------------------------------------------------------------------------------


def bear(statement: Sequence[Part], unit: EvidenceUnit) -> Bearing:
    """Return how a unit bears the parts of a statement."""
    mine = [part for part in statement if part.kind != "mark"]
    pairs = _align(mine, unit.parts)
    taken = {i for i, _ in pairs}
    left = [i for i, part in enumerate(mine) if i not in taken and part.carries]
    implied = frozenset(
        noun
        for part in mine
        if part.quantity
        for noun in QUANTITY_NOUNS.get(part.quantity.unit, "").split()
    )
    falls = [(i, j) for i, j in pairs if _sign(mine[i]) != _sign(unit.parts[j])]
    given = "direction:down" if falls else ""
    reasons: list[tuple[str, str]] = []
    unborne = [
        mine[i].written
        for i in left
        if mine[i].key != given and not _is_given(mine[i], unit, implied)
    ]
    if falls and "direction:down" not in {part.key for part in (*mine, *unit.parts)}:
        reasons.append(("sign_differs", mine[falls[0][0]].written))
    reasons += _omissions(mine, pairs, unit)
    reasons += _polarity(mine, pairs, unit)
    weight = sum(3 if mine[i].kind == "number" else mine[i].carries for i, _ in pairs)
    return Bearing(tuple(unborne), tuple(dict.fromkeys(reasons)), weight)


def _sign(part: Part) -> bool:
    """Tell whether a part is a number below zero."""
    return part.quantity is not None and any(value < 0 for value in part.quantity.readings)


def _is_given(part: Part, unit: EvidenceUnit, implied: frozenset[str]) -> bool:
    """Tell whether a part without a counterpart says nothing new."""
    if part.kind == "number":
        return False
    folded = fold_text(part.written)
    if folded in COPULAS or (unit.is_row and folded in implied):
        return True
    return part.key in unit.context and not part.key.startswith(("modal:", "limit:"))


def _align(mine: Sequence[Part], its: Sequence[Part]) -> list[tuple[int, int]]:
    """Return the pairs of the longest common subsequence, numbers and contents before articles."""
    rows, columns = len(mine), len(its)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    keys = [part.key for part in its]
    for i in range(rows - 1, -1, -1):
        part, weight, below, row = mine[i], _weight(mine[i]), best[i + 1], best[i]
        for j in range(columns - 1, -1, -1):
            value = below[j] if below[j] > row[j + 1] else row[j + 1]
            # Most words differ: their keys tell it without a call.
            if part.key == keys[j] and below[j + 1] + weight > value and _same(part, its[j]):
                value = below[j + 1] + weight
            row[j] = value
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < rows and j < columns:
        if _same(mine[i], its[j]) and best[i][j] == best[i + 1][j + 1] + _weight(mine[i]):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _weight(part: Part) -> int:
    return 30 if part.kind == "number" else 10 if part.carries else 1


def _omissions(
    mine: Sequence[Part], pairs: Sequence[tuple[int, int]], unit: EvidenceUnit
) -> Iterator[tuple[str, str]]:
    """Yield a reason for each part of the unit that the statement leaves out and must not."""
    matched = [j for i, j in pairs if mine[i].carries]
    if not matched:
        yield "nothing_in_common", ""
        return
    taken = {j for _, j in pairs}
    if unit.is_row:
        missing = unit.needed - {evidence_key(unit.parts[j]) for j in taken}
        if missing:
            yield "row_or_column_not_named", ", ".join(sorted(missing))
        return
    first, last = matched[0], matched[-1]
    gaps: list[tuple[int, int]] = []
    previous = first
    for j in matched[1:]:
        if j - previous > 1:
            gaps.append((previous + 1, j))
        previous = j
    yield from _lead(unit.parts[:first])
    for start, end in gaps:
        gap = [unit.parts[j] for j in range(start, end) if j not in taken]
        ahead = (part.quantity for part in unit.parts[end : end + 3] if part.quantity)
        yield from _gap(gap, next(ahead, None), _has_range(mine))
    yield from _tail(unit.parts[last + 1 :], is_either=sum(map(_is_either, unit.parts)) > 1)


def _lead(parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
    said = [part for part in parts if part.carries and not _is_implied(part, None)]
    if not said:
        return
    if parts[-1].key in {";", "–", "—"} and not any(_limits(part) for part in said):
        return
    yield "cut_in_front", _quote(parts)


def _gap(
    parts: Sequence[Part], quantity: Quantity | None, ranged: bool
) -> Iterator[tuple[str, str]]:
    """A gap may hold what the verb governs; nothing that limits, and no other number."""
    said = [part for part in parts if part.carries and not _is_implied(part, quantity)]
    if all(fold_text(part.written) in COPULAS | PREPOSITIONS for part in said):
        return
    verb = fold_text(said[0].written)
    governed = is_verb(verb) or verb in COPULAS or (ranged and said[0].key == "modal:can")
    if governed and not any(
        part.kind == "number" or part.key in BOUNDARIES or _cuts(part) for part in said[1:]
    ):
        return
    if {fold_text(part.written) for part in said} <= LAWS:
        return
    yield "left_out", _quote(parts)


def _is_implied(part: Part, quantity: Quantity | None) -> bool:
    """Tell whether a noun says nothing beside the quantity that follows: « une puissance de »."""
    folded = fold_text(part.written)
    if folded in LIGHT:
        return True
    return quantity is not None and folded in QUANTITY_NOUNS.get(quantity.unit, "").split()


def _tail(parts: Sequence[Part], *, is_either: bool) -> Iterator[tuple[str, str]]:
    """What is cut at the end is a clause of its own: a reason, or another quantity.

    With `is_either` the sentence has « soit … soit », of which none may be left out.
    """
    said = [part for part in parts if part.carries]
    if not said:
        return
    words = [part for part in parts if part.kind != "mark"]
    begins = parts[0].key == ";" or fold_text(words[0].written) in STOPS
    joined = fold_text(words[0].written) in {"et", "auquel", "auxquels", "tandis"}
    other = joined and any(part.kind == "number" for part in parts)
    either = is_either and any(map(_is_either, words))
    if (begins or other) and not either and not any(map(_excepts, said)):
        return
    yield "cut_at_the_end", _quote(parts)


def _is_either(part: Part) -> bool:
    return fold_text(part.written) == "soit"


def _cuts(part: Part) -> bool:
    """Tell whether a word limits what its verb says, or begins another subject."""
    folded = fold_text(part.written)
    return (
        part.key.startswith(("limit:", "modal:"))
        or folded in NEGATIONS
        or folded in {"dont", "qui", "si", "lorsque", "quand", "selon", "sous", "cas", "que", "et"}
    )


def _excepts(part: Part) -> bool:
    folded = fold_text(part.written)
    return folded in NEGATIONS or folded in {"si", "lorsque", "lorsqu", "selon", "condition"}


def _limits(part: Part) -> bool:
    folded = fold_text(part.written)
    return part.key.startswith(("limit:", "modal:")) or folded in NEGATIONS or folded in CONDITIONS


def _polarity(
    mine: Sequence[Part], pairs: Sequence[tuple[int, int]], unit: EvidenceUnit
) -> Iterator[tuple[str, str]]:
    """Yield a reason when limits, modality or negation differ over the matched span."""
    if unit.is_row or not pairs:
        return
    first, last = pairs[0][1], pairs[-1][1]
    span = unit.parts[max(first - 3, 0) : last + 4]
    for name, test in (
        ("limit", _limit_key),
        ("modality", _modal_key),
        ("negation", _negation_key),
    ):
        said = sorted(filter(None, map(test, mine)))
        found = sorted(filter(None, map(test, span)))
        if name == "modality" and _has_range(mine) and set(found) - set(said) <= {"modal:can"}:
            continue  # « peut varier de 10 à 150 kW » is « va de 10 à 150 kW »
        if said != found:
            extra = [k for k in found if k not in said] or [k for k in said if k not in found]
            yield f"{name}_differs", ", ".join(dict.fromkeys(extra))


def _has_range(parts: Sequence[Part]) -> bool:
    return any(p.quantity and p.quantity.partner >= 0 and p.quantity.measure for p in parts)


def _limit_key(part: Part) -> str:
    return part.key if part.key.startswith("limit:") else ""


def _modal_key(part: Part) -> str:
    return part.key if part.key.startswith("modal:") else ""


def _negation_key(part: Part) -> str:
    folded = fold_text(part.written)
    return folded if folded in NEGATIONS and folded not in {"n", "ne"} else ""


def _quote(parts: Sequence[Part]) -> str:
    return "".join(part.joint + part.written for part in parts).lstrip(" '’-,.")[:80]


# --- Evidence -------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def read_evidence(passage: str) -> tuple[EvidenceUnit, ...]:
    """Return the sentences, items and cells of a passage, with what stands over them."""
    found: list[EvidenceUnit] = []
    before = ""
    for unit in quotable_units(passage):
        if unit.kind == "table":
            found.extend(_cells(unit, before))
            continue
        for sentence in split_sentences(unit.text):
            heading = frozenset(_keys(unit.heading))
            context = heading | frozenset(_keys(unit.lead_in))
            if needs_context(sentence):
                context |= _subject(before)
            found.extend(_variants(sentence, context))
            if unit.lead_in:
                found.extend(_variants(f"{unit.lead_in} {sentence}", heading))
            before = sentence
    return tuple(found)


def _variants(sentence: str, context: frozenset[Key]) -> Iterator[EvidenceUnit]:
    """Yield a sentence as it is, without its parentheses, and with its label behind."""
    yield EvidenceUnit(sentence, read_parts(sentence), context)
    plain = PARENTHESIS.sub(" ", sentence)
    if plain != sentence:
        yield EvidenceUnit(sentence, read_parts(plain), context)
    years = IN_YEAR.findall(sentence)
    if len(years) == 1:
        moved = f"{IN_YEAR.sub(' ', sentence).rstrip('. ')}{years[0]}"
        yield EvidenceUnit(sentence, read_parts(moved), context)
    if opening := CONNECTIVE_OPENING.match(sentence):
        rest = sentence[opening.end() :]
        yield EvidenceUnit(sentence, read_parts(rest), context)
    if active := to_active(sentence):
        yield EvidenceUnit(sentence, read_parts(active), context)
    label, colon, rest = sentence.partition(" : ")
    if colon and len(label) <= LONGEST_LABEL:
        yield EvidenceUnit(sentence, (*read_parts(rest.rstrip(". ")), *read_parts(label)), context)


def to_active(sentence: str) -> str:
    """Return a sentence in the passive with its agent first, "" for another one."""
    match = PASSIVE.match(sentence)
    return f"{match['agent']} {match['verb']} {match['patient']}" if match else ""


def _subject(sentence: str) -> frozenset[Key]:
    """Return the words of a sentence before its verb, which « Il » in the next one stands for."""
    keys: set[Key] = set()
    for part in read_parts(sentence):
        folded = fold_text(part.written)
        if part.kind == "word" and is_verb(folded) and folded not in NOUNS_LIKE_VERBS:
            break
        if part.carries:
            keys.add(part.key)
    return frozenset(keys)


def _cells(table: QuotableUnit, caption: str) -> Iterator[EvidenceUnit]:
    """Yield each cell as a unit: row label, column heading, value."""
    head = f"{table.heading} {table.lead_in} {caption}"
    of_table = tuple(loose_measures(f"{caption}\n{table.heading}"))
    corner = tuple(loose_measures(table.columns[0]))
    numeric = [
        index
        for index in range(1, len(table.columns))
        if any(_is_value(row[index]) for row in table.rows)
    ]
    for row in table.rows:
        of_row = tuple(m for cell in row if (m := _whole_measure(cell)))
        for index in range(1, len(row)):
            if not row[index]:
                continue
            column = table.columns[index]
            of_column = tuple(loose_measures(column))
            measures = of_column or of_row or corner or of_table
            value = [
                replace(part, measures=measures) if part.kind == "number" else part
                for part in read_parts(row[index])
            ]
            label, heading = read_parts(row[0]), read_parts(column)
            needed = {evidence_key(p) for p in label if p.carries}
            if len(numeric) > 1:
                needed |= {evidence_key(p) for p in heading if p.carries and not _is_unit(p)}
            parts = (*label, *heading, *value, *heading, *label)
            yield EvidenceUnit(
                f"{row[0]} | {column} | {row[index]}",
                tuple(parts),
                frozenset(_keys(f"{head} {table.columns[0]} {' '.join(row)}")),
                is_row=True,
                needed=frozenset(needed),
            )


def _is_value(cell: str) -> bool:
    """Tell whether a cell is a number with its unit, not a text that has one."""
    return len(cell.split()) <= LONGEST_VALUE and bool(find_quantities(cell))


def _is_unit(part: Part) -> bool:
    measure, end = read_measure(part.written, 0)
    return measure is not None and end == len(part.written)


def _whole_measure(cell: str) -> Measure | None:
    measure, end = read_measure(cell, 0)
    return measure if measure and end == len(cell.strip()) else None


def _keys(text: str) -> Iterator[Key]:
    return (part.key for part in read_parts(text) if part.carries and part.kind == "word")
