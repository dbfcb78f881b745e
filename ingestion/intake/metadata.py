"""Find a source's metadata (publisher, date, licence…) in the source itself.

The file's own metadata comes first, then explicit statements on its first and last pages. Fields
set by a person are never overwritten.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction

from ingestion.intake import dates
from ingestion.intake.upload import stated_title, title_from_name
from ingestion.models import Document
from ingestion.readers import DocumentInfo
from wikico2.text.normalize import fold_text

FIRST_PAGES = 3
LAST_PAGES = 2
SEARCHED_CHARACTERS = 3_000
"""Characters of a page that are searched."""

PUBLISHERS = (
    "ADEME", "Cerema", "INRS", "Ineris", "CETIAT", "ATEE", "CSTB", "BRGM", "IFPEN", "CITEPA",
    "France Stratégie", "Haut Conseil pour le climat", "The Shift Project", "Carbone 4", "négaWatt",
    "I4CE", "IDDRI", "Enerdata", "RTE", "GRTgaz", "GRDF", "EDF", "France Chaleur Urbaine", "AMORCE",
    "Agence internationale de l’énergie", "International Energy Agency", "IPCC", "GIEC", "IRENA",
    "Commission européenne", "European Commission", "Cour des comptes", "INSEE", "ACTEE",
    "Association Bilan Carbone",
)  # fmt: skip

LONGEST_TEXT = 300
LONGEST = {"language": 8, "published": 10}
"""Maximum characters of the database columns; other columns: `LONGEST_TEXT`."""

SHORT_LINE = 8
"""Most words of a line that counts as a statement of its own rather than running text."""

_LICENCES = (
    re.compile(r"\bCC[ -]BY(?:[ -](?:NC|SA|ND)){0,2}(?:[ -]\d\.\d)?", re.IGNORECASE),
    re.compile(r"\blicence ouverte(?: ?/ ?open licen[cs]e)?(?: v?\d\.\d)?", re.IGNORECASE),
    re.compile(r"\bcreative commons\b[^.\n]{0,80}", re.IGNORECASE),
    re.compile(r"\betalab[ -]2\.0\b", re.IGNORECASE),
)
_NAME = r"(?P<name>[^\W\d_][^\n©;|]{1,80}?)"
_PUBLISHER = (
    re.compile(rf"^(?:[ée]diteur|publisher)s?\s*:\s*{_NAME}(?:[,.]\s|\s*$)", re.I | re.M),
    re.compile(rf"^(?:[ée]dité|publié|published) (?:par|by) {_NAME}(?:[,.(]|\s*$)", re.I | re.M),
    re.compile(
        rf"(?:©|\(c\))[ ]*(?:(?:19|20)\d\d[, ]+)?{_NAME}(?:[,.–-]|\s+\d{{4}}|\s*$)", re.I | re.M
    ),
)
_DATED = re.compile(
    r"^(?:date(?: de (?:publication|parution))?|publiée?s? (?:le|en)|parution|d[ée]p[ôo]t légal|"
    r"[ée]dition(?: de| du)?|version (?:du|de)|mise? à jour(?: le| en)?|published(?: on| in)?|"
    r"publication date|achevé d’imprimer(?: en)?)\s*:?\s*(?P<date>[^\n]{4,40})$",
    re.IGNORECASE | re.MULTILINE,
)
_COPYRIGHT = re.compile(r"(?:©|\(c\)|copyright)[^\n]{0,60}?\b((?:19|20)\d\d)\b", re.IGNORECASE)


@dataclass(frozen=True)
class SourceMetadata:
    """Metadata found in a source; `""` for each field not found."""

    title: str = ""
    author: str = ""
    publisher: str = ""
    published: str = ""
    language: str = ""
    licence: str = ""


def find_metadata(
    info: DocumentInfo, first: Sequence[str], last: Sequence[str] = ()
) -> SourceMetadata:
    """Return the metadata that the file or its first and last pages state."""
    pages = [page[:SEARCHED_CHARACTERS] for page in (*first, *last)]
    return SourceMetadata(
        title=stated_title(info),
        author=" ".join(info.author.split()),
        publisher=" ".join(info.publisher.split()) or _publisher(pages),
        published=_published(pages) or _created(info),
        language=info.language,
        licence=" ".join(info.licence.split()) or _licence(pages),
    )


@transaction.atomic
def save_metadata(document_id: int, info: DocumentInfo) -> None:
    """Save the metadata found in an extracted source, except fields set by a person."""
    document = Document.objects.select_for_update(of=("self",)).filter(pk=document_id).first()
    if document is None:
        return
    pages = document.pages.order_by("number")
    first = list(pages.values_list("text", flat=True)[:FIRST_PAGES])
    rest = pages.filter(number__gt=FIRST_PAGES).order_by("-number")
    found = find_metadata(info, first, list(rest.values_list("text", flat=True)[:LAST_PAGES]))
    if document.title != title_from_name(document.filename)[:300]:
        # The title is already better than the file name.
        found = SourceMetadata(**asdict(found) | {"title": ""})
    changed = []
    for name, value in asdict(found).items():
        if value and name not in document.by_hand and value != getattr(document, name):
            setattr(document, name, value[: LONGEST.get(name, LONGEST_TEXT)])
            changed.append(name)
    Document.objects.filter(pk=document_id).update(**{n: getattr(document, n) for n in changed})


def _publisher(pages: Sequence[str]) -> str:
    for form in _PUBLISHER:
        for page in pages:
            match = form.search(page)
            if match and "reserv" not in fold_text(match["name"]):
                return " ".join(match["name"].split()).rstrip(" ,.:-–")
    for line in _short_lines(pages[:1]):
        for name in PUBLISHERS:
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line):
                return name
    return ""


def _published(pages: Sequence[str]) -> str:
    """Return the stated publication date, else a date alone on a line, else a copyright year."""
    for page in pages:
        for match in _DATED.finditer(page):
            if found := dates.find_date(match["date"]):
                return found
    for line in _short_lines(pages[:1]):
        if found := dates.parse_date(line.strip(" .,;–-")):
            return found
    for page in pages:
        if year := _COPYRIGHT.search(page):
            return year[1]
    return ""


def _created(info: DocumentInfo) -> str:
    """Return the month of the file's creation; a first of January is a default of programs."""
    return "" if info.created.endswith("-01-01") else info.created[:7]


def _short_lines(pages: Sequence[str]) -> list[str]:
    lines = (line for page in pages for line in page.splitlines())
    return [line for line in lines if 0 < len(line.split()) <= SHORT_LINE]


def _licence(pages: Sequence[str]) -> str:
    for form in _LICENCES:
        for page in pages:
            if match := form.search(page):
                return " ".join(match.group().split())
    return ""
