"""Change one thing in a true sentence, so that it becomes false: for measuring what passes."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

ANTONYMS = (
    ("avant", "après"), ("plus", "moins"), ("augmente", "diminue"), ("supérieur", "inférieur"),
    ("supérieure", "inférieure"), ("élevé", "faible"), ("maximum", "minimum"), ("avec", "sans"),
    ("inclus", "exclu"), ("obligatoire", "facultatif"), ("peut", "doit"),
    ("possible", "impossible"), ("au moins", "au plus"), ("interne", "externe"),
    ("directes", "indirectes"), ("chaud", "froid"), ("neuf", "ancien"), ("public", "privé"),
    ("hausse", "baisse"), ("facile", "difficile"), ("fort", "faible"), ("premier", "dernier"),
)  # fmt: skip
HEDGES = (
    "peut ", "peuvent ", "pourrait ", "environ ", "en moyenne ", "au moins ", "jusqu’à ",
    "généralement ", "souvent ", "principalement ", "certains ", "en général ", "près de ",
)  # fmt: skip
UNITS = (
    ("kWh", "MWh"), ("MWh", "kWh"), ("kW", "MW"), ("€", "k€"), ("CO2", "CO2e"),
    ("tCO2e", "kgCO2e"), ("m²", "m³"), ("km", "m"), (" ans", " mois"), ("MW", "GW"),
    ("TWh", "GWh"), ("%", " points"),
)  # fmt: skip
VERB = re.compile(
    r"\b(est|sont|permet|permettent|doit|doivent|peut|peuvent|représente|constitue|a|ont)\b"
)
CONDITION = re.compile(
    r"\b(si|lorsque|lorsqu’|sous réserve|à condition|dans le cas|pour les|selon|suivant|sauf|hors|"
    r"en cas)\b.*$"
)
FRONT = re.compile(r"(?:Si|Lorsque|Pour|Dans|En|Selon|Sous)\b[^,]{5,80},\s(?P<rest>.{30,})$")
ROLES = re.compile(
    r"\b(l[ea]s? [\wéèêà’-]+) (?:est|sont|permet|dépend|remplace|alimente|réduit|augmente|comprend|"
    r"produit)\w* .{5,60}?\b(l[ea]s? [\wéèêà’-]+)",
    re.IGNORECASE,
)
RANGE = re.compile(
    r"(?P<low>\d+(?:[.,]\d+)?)(?P<between>\s?(?:à|et|-|–|ou)\s?)(?P<high>\d+(?:[.,]\d+)?)(?![\d./])"
)
BOUND = re.compile(
    r"\b(?P<bound>au moins|au minimum|au plus|au maximum|jusqu['’]à|plus de|moins de|"
    r"supérieure?s? à|inférieure?s? à|environ|près de)\b(?! tard)(?=[^.;]{0,12}\d)",
    re.IGNORECASE,
)
WIDER = {
    "au moins": "moins de", "au minimum": "au maximum", "au plus": "plus de",
    "au maximum": "au minimum", "plus de": "au plus", "moins de": "plus de",
    "environ": "exactement", "près de": "au moins",
}  # fmt: skip
SUBJECT = re.compile(
    r"(?:(?:L[ea]s?|Une?|Des|Cette?)\b|L['’])[^,;:.()]{3,60}?(?=\s(?:est|sont|permet|permettent|doit|"
    r"doivent|peut|peuvent|représente|représentent|constitue|a|ont|prévoit|vise|comprend)\s)"
)
INVENTED = (
    "avec l'accord du préfet de région", "et sont financés à moitié par l'Union européenne",
    "ce qui a été contesté devant le Conseil d'État", "à l'exception de l'outre-mer",
    "comme l'a confirmé une étude allemande", "grâce à un logiciel libre de droits",
    "après une enquête auprès des riverains", "sous le contrôle d'un commissaire indépendant",
    "dont le résultat est affiché en mairie", "et remplace un ancien dispositif régional",
    "ce qui divise par deux la facture des ménages", "au terme d'un vote à bulletin secret",
    "avec une garantie de trois ans", "pour un coût moyen de 12 000 euros",
    "et concerne surtout les communes de montagne", "dans un délai de 45 jours ouvrés",
    "comme dans la plupart des pays voisins", "et donne droit à un crédit d'impôt",
    "en partenariat avec les chambres d'agriculture", "sauf pendant la période estivale",
    "à la demande des associations de locataires", "et figure dans le rapport annuel au Parlement",
    "selon une méthode mise au point à Grenoble", "à l'aide de capteurs installés sur les toits",
    "et fait l'objet d'un affichage obligatoire", "pour les seuls bâtiments construits avant 1975",
    "ce que les experts jugent insuffisant", "et a été généralisé en 2017",
)  # fmt: skip
"""Additions of our own that no source says."""

GOLD_KINDS = {
    "digit_altered": "digit_altered", "year_altered": "year_altered",
    "unit_altered": "unit_altered", "antonym": "negation_or_direction",
    "negation": "negation_or_direction", "hedge_dropped": "condition_dropped",
    "condition_dropped": "condition_dropped", "roles_swapped": "subject_swapped",
    "numbers_swapped": "subject_swapped", "subject_swapped": "subject_swapped",
    "range_widened": "range_widened", "bound_turned": "range_widened", "invented": "invented",
}  # fmt: skip
"""The changes that make a sentence false for certain, with the kind that `TRUTH` counts them as."""

CALL = re.compile(r"\[\d{1,3}\]")
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
WORD = re.compile(r"\b[a-zéèêà]{6,}\b")


def spoil(sentence: str, other: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (kind, sentence) for each change that can be made; `other` lends a word."""
    changes = (
        ("digit_altered", _digit(sentence, chance)),
        ("year_altered", _year(sentence, chance)),
        ("unit_altered", _unit(sentence, chance)),
        ("antonym", _antonym(sentence, chance)),
        ("hedge_dropped", _hedge(sentence, chance)),
        ("negation", _negation(sentence)),
        ("cut_in_front", _cut_in_front(sentence)),
        ("cut_at_the_end", _cut_at_the_end(sentence)),
        ("condition_dropped", _condition(sentence)),
        ("roles_swapped", _roles(sentence)),
        ("numbers_swapped", _numbers(sentence)),
        ("word_swapped", _word(sentence, other, chance)),
        ("subject_swapped", _subject(sentence, other)),
        ("range_widened", _range(sentence, chance)),
        ("bound_turned", _bound(sentence)),
        ("invented", _invented(sentence, chance)),
    )
    return ((kind, text) for kind, text in changes if text and text != sentence)


def _digit(text: str, chance: random.Random) -> str:
    calls = {i for match in CALL.finditer(text) for i in range(*match.span())}
    digits = [i for i, char in enumerate(text) if char in "123456789" and i not in calls]
    if not digits:
        return ""
    at = chance.choice(digits)
    return f"{text[:at]}{int(text[at]) % 9 + 1}{text[at + 1 :]}"


def _year(text: str, chance: random.Random) -> str:
    years = list(re.finditer(r"\b(?:19|20)\d\d\b", text))
    if not years:
        return ""
    year = chance.choice(years)
    changed = int(year[0]) + chance.choice((-3, 1, 2, 10))
    return f"{text[: year.start()]}{changed}{text[year.end() :]}"


def _unit(text: str, chance: random.Random) -> str:
    for unit, wrong in chance.sample(UNITS, len(UNITS)):
        pattern = rf"(?<=\d)(\s?){re.escape(unit)}(?!\w)"
        if match := re.search(pattern, text):
            return f"{text[: match.start()]}{match[1]}{wrong}{text[match.end() :]}"
    return ""


def _antonym(text: str, chance: random.Random) -> str:
    for pair in chance.sample(ANTONYMS, len(ANTONYMS)):
        word, opposite = chance.sample(pair, 2)
        if match := re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text):
            return f"{text[: match.start()]}{opposite}{text[match.end() :]}"
    return ""


def _hedge(text: str, chance: random.Random) -> str:
    hedges = [hedge for hedge in HEDGES if hedge in text]
    return text.replace(chance.choice(hedges), "", 1) if hedges else ""


def _negation(text: str) -> str:
    if match := VERB.search(text):
        return f"{text[: match.start()]}ne {match[0]} pas{text[match.end() :]}"
    return ""


def _cut_in_front(text: str) -> str:
    rest = text.partition(", ")[2]
    return rest[:1].upper() + rest[1:] if len(rest) > 30 else ""


def _cut_at_the_end(text: str) -> str:
    first = text.rpartition(", ")[0]
    return f"{first}." if len(first) > 30 else ""


def _condition(text: str) -> str:
    if (match := CONDITION.search(text)) and match.start() > 30:
        return f"{text[: match.start()].rstrip(' ,')}."
    if match := FRONT.match(text):
        return match["rest"][0].upper() + match["rest"][1:]
    return ""


def _roles(text: str) -> str:
    if not (match := ROLES.search(text)):
        return ""
    (a, b), (c, d) = match.span(1), match.span(2)
    return f"{text[:a]}{text[c:d].capitalize()}{text[b:c]}{text[a:b].lower()}{text[d:]}"


def _numbers(text: str) -> str:
    found = list(NUMBER.finditer(text))
    if len(found) < 2 or found[0][0] == found[1][0]:
        return ""
    first, second = found[:2]
    between = text[first.end() : second.start()]
    return f"{text[: first.start()]}{second[0]}{between}{first[0]}{text[second.end() :]}"


def _word(text: str, other: str, chance: random.Random) -> str:
    mine, theirs = list(WORD.finditer(text)), WORD.findall(other)
    if not mine or not theirs:
        return ""
    word, wrong = chance.choice(mine), chance.choice(theirs)
    return f"{text[: word.start()]}{wrong}{text[word.end() :]}"


def _subject(text: str, other: str) -> str:
    mine, theirs = SUBJECT.match(text), SUBJECT.match(other)
    return f"{theirs[0]}{text[mine.end() :]}" if mine and theirs else ""


def _range(text: str, chance: random.Random) -> str:
    """Move the lower end of a range down, or the upper end up."""
    found = [m for m in RANGE.finditer(text) if _value(m["low"]) < _value(m["high"])]
    if not found:
        return ""
    match = chance.choice(found)
    end, factor = chance.choice((("low", 0.5), ("high", 1.5)))
    wider = f"{_value(match[end]) * factor:g}".replace(".", ",")
    return f"{text[: match.start(end)]}{wider}{text[match.end(end) :]}"


def _value(written: str) -> float:
    return float(written.replace(",", "."))


def _bound(text: str) -> str:
    """Turn a bound of a number round, or leave it out."""
    if not (match := BOUND.search(text)):
        return ""
    turned = WIDER.get(match["bound"].lower(), "égal à")
    return f"{text[: match.start()]}{turned}{text[match.end() :]}"


def _invented(text: str, chance: random.Random) -> str:
    return f"{text.rstrip(' .')}, {chance.choice(INVENTED)}." if text.endswith(".") else ""
