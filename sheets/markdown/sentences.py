"""Split a passage into quotable units: sentences, list items, tables. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from sheets.markdown.scanner import delimiter_cells, split_row
from wikico2.text.normalize import folded_words

ABBREVIATION = re.compile(
    r"(?<![\w&/])(?:(?i:mmes?|dr|pr|ste|art|cf|ex|env|éd|fig|max|min|nos?|pp?|réf|resp|tab|vol|al|"
    r"approx|c\.-à-d|chap|ann|alin|av|vs|hab|tél|suiv|ibid|t\. éq|éq|i\.e|e\.g)|MM?|St|n)\.$"
)
"""An abbreviation at the end of a text whose full stop does not end a sentence. A unit or a name
that ends in a capital (« MWh/m. », « EnR&R. ») is none; « etc. » before a capital ends one."""

INITIAL = re.compile(r"(?:(?<![\w&/°º’'-])[A-ZÀ-Ý]|\b[A-Z]\.-?[A-Z])\.$")
OPENER = re.compile(
    r"(?i:[«“\"(]?\s?(?:les?|la|l[’']|une?|des?|du|il|ils|elles?|on|ce|cet|cette|ces|cela|pour|en|"
    r"dans|par|à|au|aux|avec|sans|sur|si|lorsqu\w*|quand|ainsi|donc|toutefois|cependant|selon|afin|"
    r"the|this|it|in|for)\b)"
)
"""Words that begin a sentence: after « bâtiment B. Le … » the letter is no initial of a name."""

LONGEST_ABBREVIATION = 12
BREAK = re.compile(
    r"[.!?…](?:\s?[»”\")\]])?(?:\s?\[\w{1,3}\])*(?P<gap>\s+)"
    r"(?=[«“\"(\[]?\s?(?:[A-ZÀ-ÖØ-ÞŒ0-9]|[dlnsjmtc][’'][A-ZÀ-ÖØ-ÞŒ]|[a-z]{1,2}[A-Z]))"
)
ITEM = re.compile(r"^\s*(?:[-–•*]|\d{1,2}[.)]|\d{1,2}°(?=\s+(?![CFK]\b)[A-ZÀ-ÖØ-ÞŒ«])|[a-z]\))\s+")
"""The mark of an item: « 2° Les fours » too, as laws write, but not « 20° C »."""

ITEM_MARK = re.compile(r"^\s*[-–•*]\s+")
NUMBERED_TITLE = re.compile(r"^\d+(?:\.\d+)+\.?\s+[A-ZÀÂÇÉÈÊÎÔÛŒ]")
NUMBERED = re.compile(r"^\s*(?:\d{1,2}[.)°]|[a-z]\))\s+")

# Finite French (and a few English) verb forms, folded. With the endings below they suffice to tell
# a sentence from a title, a caption or a cell; this is no full grammar.
VERBS = frozenset(
    "a aboutit accompagne accompagnent agissent agit ajoute alimente alimentent allows "
    "ameliore ameliorent amene amenent appelle appellent appliquent apporte apportent are "
    "arrete arretent assure assurent atteignait atteignent atteint augmente augmentent aura "
    "auraient aurait auront autorise autorisent avait baisse baissent calcule calculent can "
    "cause causent chauffe chauffent choisissent choisit circule circulent collecte "
    "collectent commence commencent compense compensent compose composent comprend "
    "comprennent compte comptent concerne concernent conduisent conduit confirme confirment "
    "conserve conservent consiste consistent consomme consomment constitue constituent "
    "contiennent contient contribue contribuent controle controlent conviendra convient "
    "correspond correspondent coute coutent couvre couvrent croissent croit cuit decoule "
    "decoulent decrit decrivent deduisent deduit definissent definit demande demandent "
    "demarre demarrent depasse depassent depend dependent designe designent determine "
    "determinent deviennent devient devra devraient devrait dimensionne diminue diminuent "
    "disent dispose disposent dissipe distingue distinguent distribue distribuent dit doit "
    "doivent donne donnent dure durent echauffe echauffent economise economisent effectue "
    "effectuent elabore elaborent emballe emet emettent emporte encourage engage engagent "
    "entraine entrainent equilibre est estime estiment etablissent etablit etaient etait eut "
    "evacue evacuent evalue evaluent evite evitent excluent exclut exige exigent existe "
    "existent facilite facilitent fait faudra faudrait faut favorise favorisent finance "
    "financent finit fixe fixent fonctionne fonctionnent font forme forment fournissent "
    "fournit furent fut gagne gagnent garantit garde gardent genere generent gere gerent has "
    "have identifie identifient implique impose imposent incluent inclut indique indiquent "
    "installe installent integre integrent interdisent interdit investissent investit is "
    "laisse laissent lave lavent limite maintiennent maintient may mene menent mesure "
    "mesurent met mettent montre montrent must necessite nettoie nettoient nomme nomment "
    "oblige obligent offre offrent ont optimise parle participe participent passe passent "
    "pasteurise perd perdent permet permettent pese pesent peut peuvent pilote pilotent "
    "place placent porte portent pose posent possede possedent pourra pourraient pourrait "
    "precede precedent prechauffe prechauffent precise precisent prend prennent presente "
    "presentent prevoient prevoit produisent produit progresse progressent propose proposent "
    "protege protegent provides proviennent provient provoque provoquent rappelle rassemble "
    "rassemblent realise realisent recommande recommandent recupere recuperent reduces "
    "reduisent reduit refroidissent refroidit regroupe regroupent regule regulent rejette "
    "rejettent releve relevent rembourse remplace remplacent rend rendent repartissent "
    "repartit repose represente representent requires respecte respectent reste restent "
    "resulte resultent s sait savent se seche sechent sera serait seront sert servent should "
    "signifie signifient situe situent soient soit sont stocke stockent subventionne "
    "suffisent suffit suit suivent suppose surveille surveillent tiennent tient tourne "
    "tournent traite traitent transfere transferent transforme transporte transportent uses "
    "utilise utilisent va valent valide valident valorise valorisent varie varient vaut "
    "verifie verifient veulent veut viennent vient vise visent voient voit vont was were".split()
)
VERB_ENDINGS = ("aient", "eront", "erait", "era", "issent", "ent")
NOT_VERBS = ("ment", "ement", "cent", "dent", "gent", "quent", "rent", "vent", "client", "patient")


RELATIVES = frozenset("qui que qu dont ou lequel laquelle lesquels lesquelles".split())
CONTEXT_OPENING = re.compile(
    r"^(?:(?:et|ou|mais|or|donc|ainsi|puis|ensuite|enfin|toutefois|cependant|néanmoins|pourtant|"
    r"aussi|également|notamment|alors|sinon|celui|celle|ceux|celles|il|elle|ils|elles|cela|ceci|"
    r"ce|cet|cette|ces|son|sa|ses|leur|leurs|y|en effet|en revanche|en outre|de plus|de fait|"
    r"de même|par ailleurs|par conséquent|par contre|par exemple|à ce titre|à cet effet|"
    r"à l[’']inverse|au contraire|autrement dit|dans ce|dans cet|dans cette|dans ces|dans le même|"
    r"pour cela|pour ce|c[’']est|d[’']autre part|d[’']une part|du reste|l[’']un d|l[’']une d|"
    r"la même|le même|les mêmes|tel|telle|tous ces|toutes ces|une telle|un tel|"
    r"parmi (?:ceux|celles|ces))\b)(?!\s+(?:faut|convient|est\s+(?:recommandé|conseillé|"
    r"nécessaire|possible|interdit|obligatoire|préférable|important|utile)))",
    re.IGNORECASE,
)
POINTER = re.compile(
    r"\b(?:ci-(?:dessous|dessus|après|contre|avant)|précité\w*|susvisé\w*|susmentionné\w*|"
    r"suivante?s? :?$|(?:tableau|figure|schéma|encadré|graphique|paragraphe|chapitre) (?:suivant|"
    r"précédent)|sur la page suivante|voir (?:p\.|page|partie|annexe|fiche))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class QuotableUnit:
    """A unit that is quoted as a whole: a sentence, a list item, or a table.

    `heading` is the nearest heading above it inside the passage, "" where there is none; `lead_in`
    the sentence ending in a colon that an item, or a table, belongs to.
    """

    kind: str  # "sentence", "item", "table"
    text: str
    heading: str = ""
    lead_in: str = ""
    numbered: bool = False
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def quotable_units(text: str) -> Iterator[QuotableUnit]:
    """Yield the quotable units of a passage in order."""
    heading = lead_in = ""
    for block in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        first = 0
        while first < len(lines) and is_heading(lines[first]):
            if first + 1 == len(lines) and not NUMBERED_TITLE.match(lines[first]):
                break
            heading = lines[first]
            lead_in = ""
            first += 1
        for unit in block_units(lines[first:]):
            if unit.kind == "sentence":
                lead_in = unit.text if unit.text.endswith(":") else ""
                yield replace(unit, heading=heading)
            else:
                yield replace(unit, heading=heading, lead_in=lead_in)


def is_heading(line: str) -> bool:
    """Tell whether a line, followed by others in its block, is a heading.

    In a passage each paragraph is one line, with its headings directly above.
    """
    return (
        len(line) <= 150
        and line[-1] not in ".;:,…"
        and not ITEM_MARK.match(line)
        and (not line.startswith("|"))
    )


def block_units(lines: list[str]) -> Iterator[QuotableUnit]:
    """Yield the units of one block: runs of table rows, list items, paragraphs."""
    for kind, run in groupby(lines, key=line_kind):
        if kind == "row":
            yield from table_units(list(run))
        elif kind == "item":
            for line in run:
                yield QuotableUnit(
                    "item", ITEM.sub("", line).strip(), numbered=bool(NUMBERED.match(line))
                )
        else:
            for text in join_lines(run):
                for sentence in split_sentences(text):
                    yield QuotableUnit("sentence", sentence)


def join_lines(lines: Iterable[str]) -> Iterator[str]:
    """Join the lines of a paragraph; one that ends in a colon stands by itself."""
    joined: list[str] = []
    for line in lines:
        joined.append(line)
        if line.endswith(":"):
            yield " ".join(joined)
            joined = []
    if joined:
        yield " ".join(joined)


def line_kind(line: str) -> str:
    if line.startswith("|"):
        return "row"
    return "item" if ITEM.match(line) else "text"


def split_sentences(text: str) -> Iterator[str]:
    """Yield the sentences of running text; abbreviations and initials do not end one."""
    start = 0
    for match in BREAK.finditer(text):
        if _is_abbreviated(text, start, match):
            continue
        if candidate := text[start : match.start("gap")].strip():
            yield candidate
        start = match.end()
    rest = text[start:].strip()
    if rest:
        yield rest


def _is_abbreviated(text: str, start: int, match: re.Match[str]) -> bool:
    """Tell whether the full stop of a possible break belongs to an abbreviation or an initial."""
    stop = match.start() + 1
    if text[stop - 1] != ".":
        return False
    first = max(start, stop - LONGEST_ABBREVIATION)
    if ABBREVIATION.search(text, first, stop):
        return True
    return INITIAL.search(text, first, stop) is not None and not OPENER.match(text, match.end())


def table_units(lines: list[str]) -> Iterator[QuotableUnit]:
    """Yield one table with its head and rows; short rows are padded."""
    head, *rest = [split_row(line) for line in lines if not delimiter_cells(line)] or [[]]
    if not head or not rest:
        return
    width = len(head)
    rows = tuple(tuple((row + [""] * width)[:width]) for row in rest if any(row))
    if rows:
        text = "\n".join(" ".join(c for c in row if c) for row in (tuple(head), *rows))
        yield QuotableUnit("table", text, columns=tuple(head), rows=rows)


def is_sentence(text: str) -> bool:
    """Tell whether a text is a statement: capital or digit first, end mark, finite verb."""
    stripped = text.strip()
    if not stripped or stripped[-1] not in ".!?…»)" or stripped[-1] == "?":
        return False
    if not (stripped[0].isupper() or stripped[0] in '«“"' or stripped[0].isdigit()):
        return False
    return has_verb(stripped)


def has_verb(text: str) -> bool:
    """Tell whether a finite verb form is among the words, outside relative clauses.

    « Les dispositifs en pleine terre, qui sont des solutions » has a verb only in such a clause.
    """
    # « à » is no verb, but folded it equals « a ».
    found = folded_words(re.sub(r"\b[àÀ]\b", "vers", text))
    return any(
        is_verb(word) and not RELATIVES & set(found[max(0, index - 3) : index])
        for index, word in enumerate(found)
    )


def is_verb(word: str) -> bool:
    """Tell whether a folded word looks like a finite verb form."""
    if word in VERBS:
        return True
    return len(word) > 5 and word.endswith(VERB_ENDINGS) and not word.endswith(NOT_VERBS)


def needs_context(text: str) -> bool:
    """Tell whether a sentence depends on the one before it."""
    return bool(CONTEXT_OPENING.match(text))


def points_elsewhere(text: str) -> bool:
    """Tell whether a sentence refers to something around it on the page."""
    return bool(POINTER.search(text))
