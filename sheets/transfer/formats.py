"""Export one sheet: as Markdown with front matter, or as JSON."""

from typing import Any

from django.conf import settings

from sheets.markdown.front_matter import add_front_matter
from sheets.markdown.parse import BodyStatement, body_statements, header_statements
from sheets.models import Citation, RevisionCheck, Sheet
from sheets.models.schema_loader import load_template


def to_markdown(sheet: Sheet) -> str:
    """Return the sheet as Markdown; the front matter is YAML whose values are JSON strings."""
    front: dict[str, Any] = {
        "title": sheet.title,
        "type": sheet.sheet_type.key,
        "state": sheet.state,
        "slug": sheet.slug,
        "revision": sheet.current.number if sheet.current else 0,
        "url": settings.SITE_URL + sheet.get_absolute_url(),
    }
    if sheet.current and sheet.current.metadata:
        front["header"] = dict(sorted(sheet.current.metadata.items()))
    body = sheet.current.body if sheet.current else ""
    return add_front_matter(front, f"# {sheet.title}\n\n{body}")


def to_json(sheet: Sheet) -> dict[str, Any]:
    """Return the sheet as a dict: metadata, and the statements of its sections with citations.

    Each statement has its level, "" where an older check, or none, has looked at it; "levels"
    counts them.
    """
    revision = sheet.current
    template = load_template(sheet.sheet_type)
    cited: dict[str, Citation] = {}
    header: list[BodyStatement] = []
    statements: list[BodyStatement] = []
    check = RevisionCheck.current_of(sheet)
    levels = {_key(one): one["level"] for one in check.statements} if check else {}

    def data(statement: BodyStatement) -> dict[str, Any]:
        key = statement.section, statement.field, statement.text
        return {**statement_data(statement, cited), "level": levels.get(key, "")}

    if revision:
        cited = {c.marker: c for c in revision.citations.select_related("document")}
        header = header_statements(revision.metadata, template)
        statements = body_statements(revision.body, template)
    return {
        "title": sheet.title,
        "slug": sheet.slug,
        "type": sheet.sheet_type.key,
        "state": sheet.state,
        "url": settings.SITE_URL + sheet.get_absolute_url(),
        "revision": revision.number if revision else None,
        "completeness": sheet.completeness,
        "confidence": sheet.confidence,
        "levels": check.levels if check else {},
        "documents": [
            {"id": d.pk, "title": d.title, "filename": d.filename} for d in sheet.documents.all()
        ],
        "metadata": {s.field: data(s) for s in header},
        "sections": [
            {
                "key": section.key,
                "heading": section.heading,
                "statements": [
                    {"field": s.field, **data(s)} for s in statements if s.section == section.key
                ],
            }
            for section in template.written
            if section.role == "body"
        ],
    }


def _key(one: dict[str, Any]) -> tuple[str, str, str]:
    """Return what a checked statement is known by."""
    return one["section"], one["field"], one["text"]


def statement_data(statement: BodyStatement, cited: dict[str, Citation]) -> dict[str, Any]:
    """Return a statement with its citations: document, page, quote, level."""
    return {
        "text": statement.text,
        "citations": [
            {
                "document": c.document_id,
                "title": c.document.title if c.document else "",
                "page": c.page,
                "quote": c.quote,
                "level": c.level,
            }
            for marker in statement.markers
            if (c := cited.get(marker))
        ],
    }
