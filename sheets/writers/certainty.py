"""Tell whether a sentence, item or row is certain enough to fill a field without a person. Pure.

The worth of a unit orders candidates; it alone mistakes what only sounds like an answer. A unit is
certain if its own words, its lead-in or its heading name what the field asks, if it gives the
quantities that the field asks for, and if it speaks of the sheet's subject, not of its document.
"""

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.search.passage import Passage
from sheets.schema.types import FieldBrief
from sheets.verification.quantities import find_quantities
from sheets.writers.answer_cues import ASKS_EXAMPLES, PROPER_NAME, AnswerKind, answer_kinds
from sheets.writers.asked_units import MONEY_UNITS, asked_units
from wikico2.text.normalize import fold_text, stem_set

SUBJECT_SHARE = 0.6
"""Share of the title, rare words weighing more, that names the subject in a unit or above it."""

ABOUT_SHARE = 0.3
"""Share of a source's passages that name the subject, from which on all of it is about it."""

FIRST_PAGES, OPENING_LENGTH = 2, 400
"""Where a source says what it is about: its first pages, and characters of its first passage."""

SUMMARY_PAGES, SUMMARY_SHARE = 3, 0.15
"""First pages of a source, and their share of it, from which a summary is taken."""

SAYS_WHAT = re.compile(
    r"\best (?:un|une|l'|le|la|composee?|constituee?)\b|\bconsist\w+|\bpermet\w*|\bvise\w*|"
    r"\bconstitu\w+|\bbenefici\w+|\baide\w* a\b|\bpreleve|\bfournit|\brecuper\w+|\bredui\w+"
)

OF_THE_DOCUMENT = re.compile(
    r"\b(?:nous|notre|nos)\b|\b(?:ce|le present|present|cette|la presente) (?:guide|document|"
    r"rapport|note|outil|chapitre|partie|fiche|etude)\b|\bcliqu|\bonglet\b|\bsommaire\b|"
    r"\bmemento\b|\bpoint particulier\b|\bannexe\b"
)
BEGINS_A_FORMULA = re.compile(r"(?:soit|avec|ou|d'ou|on a|poursuivons|reprenons|variables?)\b[ :,]")
DENIALS = (
    (
        re.compile(r"n'inclut|n'est pas inclus|hors (?:du )?perimetre"),
        re.compile(
            r"n'(?:inclu|est|ont|a)\w* pas (?:ete )?(?:inclu|compris|pris|traite|compt|gere)\w*|"
            r"n'inclu\w+ pas|non (?:inclus|compris|pris|comptabilise|traite)|"
            r"ne (?:comprend|comprennent|prend|prennent|concerne|concernent|couvre|couvrent|"
            r"comporte|fait|font|remplace|remplacent)\w* pas|exclu(?:t|e|s|es|ent|ant|re)?\b|"
            r"ne sont (?:donc )?pas (?:inclu|compris|pris|traite|compt)|a l'exception|"
            r"hors (?:du )?(?:perimetre|champ|calcul)"
        ),
    ),
    (
        re.compile(r"a eviter|deconseill"),
        re.compile(
            r"deconseill|a eviter|a proscrire|inadapte|ne convien|incompatib|interdi|"
            r"pas (?:adapte|pertinent|recommande|rentable|souhaitable|conseille)|peu (?:adapte|"
            r"pertinent|rentable)|insuffisan"
        ),
    ),
)
"""Fields that ask what is not so, and the expressions of which an answer has one."""

DIGIT = re.compile(r"(?<![a-z\[])\d")
MONEY_WORDS = r"[€$]|\btva\b|\bprix\b|\btarif"
MONEY = re.compile(MONEY_WORDS)
OF_MONEY = re.compile(
    rf"{MONEY_WORDS}|\bcouts?\b|\bfinanc|\bprimes?\b|\bsubvention|\baides?\b|\binvestiss|\beuros?\b"
)
MAY_BE_OF_MONEY = re.compile(r"risque|exemple|cas d'usage|ressource|levier|prerequis|profil|part ")
"""Fields that do not ask for money, and whose answers may speak of it."""

FORMULA = re.compile(r"[=∶∑×]")


@dataclass(frozen=True)
class FieldDemand:
    """What a unit must have to fill a field without a person."""

    kinds: tuple[AnswerKind, ...]
    units: frozenset[str]
    denial: re.Pattern[str] | None
    examples: bool
    money: bool

    @classmethod
    def of(cls, field: FieldBrief) -> "FieldDemand":
        asked = fold_text(f"{field.heading} {field.question}")
        return cls(
            answer_kinds(field),
            asked_units(field),
            next((said for asks, said in DENIALS if asks.search(asked)), None),
            bool(ASKS_EXAMPLES.search(asked)),
            bool(OF_MONEY.search(asked) or MAY_BE_OF_MONEY.search(asked)),
        )

    def is_met(self, text: str, around: str) -> bool:
        """Tell whether a statement under some headings meets the demand."""
        folded = fold_text(text)
        if OF_THE_DOCUMENT.search(folded) or BEGINS_A_FORMULA.match(folded):
            return False
        if FORMULA.search(text) or not is_balanced(text):
            return False
        if not self.money and OF_MONEY.search(folded):
            return False
        if self.denial:
            return bool(self.denial.search(folded))
        in_text = self.names(folded)
        if not in_text and not self.names(fold_text(around)):
            return False
        if self.examples and not PROPER_NAME.search(text):
            return False
        return self.has_quantity(text, folded, in_text=in_text)

    def names(self, folded: str) -> bool:
        """Tell whether a text has an expression that names what is asked; True if none is known."""
        return not self.kinds or any(kind.strong.search(folded) for kind in self.kinds)

    def has_quantity(self, text: str, folded: str, *, in_text: bool) -> bool:
        """Tell whether a text gives a quantity of what is asked; True if none is."""
        if not self.units:
            return True
        if self.units & MONEY_UNITS:
            return DIGIT.search(folded) is not None and (in_text or bool(MONEY.search(folded)))
        found = {q.unit for q in find_quantities(text) if q.unit}
        return bool(found & (self.units - {"%"})) or ("%" in found and in_text)


def gives_quantity(text: str) -> bool:
    """Tell whether a text has a number with its unit."""
    return any(q.unit for q in find_quantities(text))


def is_balanced(text: str) -> bool:
    """Tell whether quotes and brackets are closed: a statement cut from others leaves them open."""
    return all(text.count(a) == text.count(b) for a, b in ("«»", "()", "[]"))


class SubjectWords:
    """Whether units speak of a sheet's subject, in the passages that it is drawn from."""

    def __init__(self, title: str, passages: Sequence[Passage]) -> None:
        self.stems = frozenset(s for s in stem_set(title) if not s.isdigit())
        held = [stem_set(f"{' '.join(p.headings)} {p.text}") for p in passages]
        counts = {stem: sum(stem in stems for stems in held) for stem in self.stems}
        # A word that no passage has weighs as much as one of a single passage: without it, half of
        # a title is not the subject.
        self.weights = {
            stem: math.log(1 + len(held) / max(count, 1)) for stem, count in counts.items()
        }
        by_source: dict[int, list[Passage]] = defaultdict(list)
        for p in passages:
            by_source[p.document_id].append(p)
        self.pages = {source: max(p.page_end for p in own) for source, own in by_source.items()}
        self.about = {source for source, own in by_source.items() if self._are_about(own)}

    def _are_about(self, own: Sequence[Passage]) -> bool:
        """Tell whether a whole source is about the subject: its beginning or much of it says so.

        `own` are its passages.
        """
        first = own[0]
        opening = f"{first.title} {' '.join(first.headings[:1])} {first.text[:OPENING_LENGTH]}"
        if len(self.stems & stem_set(opening)) >= SUBJECT_SHARE * len(self.stems):
            return first.page_start <= FIRST_PAGES
        named = sum(self.is_named(f"{' '.join(p.headings)} {p.text}") for p in own)
        return named >= ABOUT_SHARE * len(own)

    def is_named(self, text: str) -> bool:
        """Tell whether a text has enough of the title's words."""
        found = math.fsum(self.weights[stem] for stem in self.stems & stem_set(text))
        return found >= SUBJECT_SHARE * math.fsum(self.weights.values()) > 0

    def is_summed_up(self, passage: Passage, text: str) -> bool:
        """Tell whether a statement on a source's first pages says what the subject is or does."""
        last = max(SUMMARY_PAGES, SUMMARY_SHARE * self.pages[passage.document_id])
        folded = fold_text(text)
        return (
            passage.page_start <= last
            and self.is_touched(passage, text)
            and (SAYS_WHAT.search(folded) is not None or gives_quantity(text))
            and not OF_THE_DOCUMENT.search(folded)
            and is_balanced(text)
        )

    def is_touched(self, passage: Passage, text: str) -> bool:
        """Tell whether a statement names the subject; half of it in a source that is about it."""
        if passage.document_id in self.about:
            return len(self.stems & stem_set(text)) >= len(self.stems) / 2
        return self.is_named(text)

    def concerns(self, passage: Passage, text: str) -> bool:
        """Tell whether a statement of a passage is about the subject."""
        if not self.stems or passage.document_id in self.about:
            return True
        return self.is_named(f"{' '.join(passage.headings)} {text}")
