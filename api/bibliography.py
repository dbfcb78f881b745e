"""Sources as BibTeX, RIS and CSL-JSON, for programs that keep references."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from ingestion.models import Document
from wikico2.filters import clean_line

BIBTEX_SPECIAL = re.compile(r"[\\{}#$%&_^~]")
BIBTEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}


@dataclass(frozen=True)
class BibliographyFormat:
    """A format of references: its media type, and what writes it."""

    media_type: str
    write: Callable[[Iterable[Document]], str]


def source_address(source: Document) -> str:
    """Return where a source is on the web: where it comes from, else its page here."""
    return source.origin or settings.SITE_URL + source.get_absolute_url()


def bibtex_text(text: str) -> str:
    """Return a text whose special characters BibTeX shows as they are."""
    return BIBTEX_SPECIAL.sub(lambda m: BIBTEX.get(m[0], f"\\{m[0]}"), clean_line(text))


def write_bibtex(sources: Iterable[Document]) -> str:
    """Return the sources as BibTeX reports."""
    return "\n".join(bibtex_entry(source) for source in sources)


def bibtex_entry(source: Document) -> str:
    fields = {
        "title": bibtex_text(source.title),
        "author": f"{{{bibtex_text(source.author)}}}" if source.author else "",
        "institution": bibtex_text(source.publisher),
        "year": source.published[:4],
        "month": source.published[5:7],
        "url": clean_line(source_address(source)).replace("}", "%7D").replace("{", "%7B"),
        "language": source.language,
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@techreport{{wikico2-{source.pk},", *lines, "}", ""])


def write_ris(sources: Iterable[Document]) -> str:
    """Return the sources as RIS reports."""
    return "".join(ris_entry(source) for source in sources)


def ris_entry(source: Document) -> str:
    fields = {
        "TY": "RPRT",
        "ID": f"wikico2-{source.pk}",
        "TI": source.title,
        "AU": source.author,
        "PB": source.publisher,
        "PY": source.published[:4],
        "DA": source.published.replace("-", "/"),
        "LA": source.language,
        "UR": source_address(source),
    }
    lines = [f"{tag}  - {clean_line(value)}\r\n" for tag, value in fields.items() if value]
    return "".join([*lines, "ER  - \r\n\r\n"])


def write_csl(sources: Iterable[Document]) -> str:
    """Return the sources as CSL-JSON."""
    return orjson.dumps(
        [csl_item(source) for source in sources], option=orjson.OPT_INDENT_2
    ).decode()


def csl_item(source: Document) -> dict[str, Any]:
    known: dict[str, Any] = {
        "author": [{"literal": source.author}] if source.author else None,
        "publisher": source.publisher,
        "language": source.language,
        "issued": (
            {"date-parts": [[int(part) for part in source.published.split("-")]]}
            if source.published
            else None
        ),
    }
    return {
        "id": f"wikico2-{source.pk}",
        "type": "report",
        "title": source.title,
        "URL": source_address(source),
        **{name: value for name, value in known.items() if value},
    }


FORMATS = {
    "bib": BibliographyFormat("application/x-bibtex; charset=utf-8", write_bibtex),
    "ris": BibliographyFormat("application/x-research-info-systems; charset=utf-8", write_ris),
    "json": BibliographyFormat("application/vnd.citationstyles.csl+json", write_csl),
}
