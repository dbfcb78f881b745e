"""What the web expects of the page of a sheet: its description, and JSON-LD of schema.org."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator

from ingestion.models import Document
from sheets.markdown.sections_edit import is_header
from sheets.models import Citation, Revision, Sheet
from sheets.models.schema_loader import load_template
from sheets.rendering.statement_anchors import counted_statements
from sheets.verification.levels import VERIFIED_LEVELS

DESCRIBED = 200
"""Characters of a description."""
MOST_CLAIMS = 20
ESCAPED = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
SCHEMA = "https://schema.org"


@dataclass(frozen=True)
class WebMetadata:
    """The description, the whole address and the JSON-LD of a sheet."""

    description: str
    address: str
    json_ld: SafeString


def web_metadata(sheet: Sheet, revision: Revision, sources: Iterable[Document]) -> WebMetadata:
    """Return what the web expects of a sheet; the check of its revision is loaded."""
    check = getattr(revision, "check_made", None)
    statements = counted_statements(check)
    template = load_template(sheet.sheet_type)
    texts = [one["text"] for _a, one in statements if not is_header(one["section"], template)]
    summary = [one["text"] for _anchor, one in statements if one["section"] == "resume"]
    description = Truncator(" ".join(summary or texts[:2])).chars(DESCRIBED)
    address = settings.SITE_URL + sheet.get_absolute_url()
    claims = [
        claim(address, anchor, one)
        for anchor, one in statements
        if one["markers"] and any(c.isdigit() for c in one["text"])
    ]
    data = {
        "@context": SCHEMA,
        "@type": "TechArticle",
        "@id": address,
        "url": address,
        "headline": sheet.title,
        "description": description,
        "inLanguage": "fr",
        "articleSection": sheet.sheet_type.name_fr,
        "version": revision.number,
        "dateCreated": sheet.created_at.isoformat(),
        "dateModified": revision.created_at.isoformat(),
        "creativeWorkStatus": str(sheet.state),
        "publisher": {"@type": "Organization", "name": "WikiCO2", "url": f"{settings.SITE_URL}/"},
        "citation": [cited_work(document) for document in sources],
        "hasPart": claims[:MOST_CLAIMS],
    }
    return WebMetadata(description, address, as_json_ld(data))


def claim(address: str, anchor: str, statement: dict[str, Any]) -> dict[str, Any]:
    """Return a statement as a claim; one whose level is verified with a review of it."""
    level = statement["level"]
    made: dict[str, Any] = {
        "@type": "Claim",
        "@id": f"{address}#{anchor}",
        "text": statement["text"],
        "creativeWorkStatus": level,
    }
    if level in VERIFIED_LEVELS:
        rating = {"@type": "Rating", "alternateName": str(Citation.Level(level).label)}
        made["review"] = {
            "@type": "ClaimReview",
            "url": f"{address}#{anchor}",
            "claimReviewed": statement["text"],
            "reviewRating": rating,
            "author": {"@type": "Organization", "name": "WikiCO2"},
        }
    return made


def cited_work(document: Document) -> dict[str, Any]:
    """Return a source as a work that is cited; what is not known is left out."""
    known = {
        "author": {"@type": "Person", "name": document.author} if document.author else None,
        "publisher": (
            {"@type": "Organization", "name": document.publisher} if document.publisher else None
        ),
        "datePublished": document.published or None,
        "license": document.licence or None,
        "sameAs": document.origin or None,
    }
    return {
        "@type": "CreativeWork",
        "name": document.title,
        "url": settings.SITE_URL + document.get_absolute_url(),
        **{name: value for name, value in known.items() if value},
    }


def as_json_ld(data: dict[str, Any]) -> SafeString:
    """Return JSON for a data block: nothing in it can end the block."""
    return mark_safe(orjson.dumps(data).decode().translate(ESCAPED))  # noqa: S308  (see above)
