"""Views of the levels of statements: what they mean, and those of one sheet."""

from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sheets.models import Citation, Revision, RevisionCheck
from sheets.models.level_reasons import reason_sentence
from sheets.rendering.html import page_url
from sheets.rendering.statement_anchors import counted_statements
from sheets.verification.figures import StatedFigure, find_figures
from sheets.verification.levels import LEVELS
from sheets.views.reading import readable_sheets, shown_sheet

APART = " · "
"""Between the parts of a figure that is copied."""

RISKIEST_FIRST = ("not_found", "unsourced", "fragile", "figures", "judged", "confirmed", "verbatim")


@dataclass(frozen=True)
class StatementView:
    """A statement with its level, the reasons in the reader's language, and its sources."""

    text: str
    section: str
    level: str
    reasons: list[str]
    unborne: list[str]
    citations: list[Citation]
    anchor: str = ""
    address: str = ""

    @property
    def proof(self) -> str:
        """Return its sources with their pages, on one line."""
        return " ; ".join(f"{c.document}, p. {c.page}" for c in self.citations if c.document)

    @property
    def as_copied(self) -> str:
        """Return the statement with its sources and its lasting address, to be pasted."""
        source = f" ({self.proof})" if self.proof else ""
        return f"{self.text}{source}\n{self.address}"

    @property
    def figures(self) -> list[tuple[StatedFigure, str]]:
        """Return its figures, each with what is pasted: its parts apart, and the address."""
        return [(one, self.figure_as_copied(one)) for one in find_figures(self.text)]

    def figure_as_copied(self, one: StatedFigure) -> str:
        """Return number, unit, condition, source with page, and the lasting address."""
        parts = [one.written, one.condition, self.proof]
        return f"{APART.join(part for part in parts if part)}\n{self.address}"


@require_safe
def levels_help(request: HttpRequest) -> HttpResponse:
    """Explain what is checked of a statement, and what each level means."""
    return render(request, "sheets/levels.html", {"levels": LEVELS})


@require_safe
def statement_list(request: HttpRequest, slug: str) -> HttpResponse:
    """List the statements of a sheet with their levels, the riskiest first."""
    sheet = shown_sheet(request, readable_sheets(request).select_related("current"), slug)
    check = RevisionCheck.objects.filter(revision=sheet.current_id).first()
    wanted = request.GET.get("niveau", "")
    if sheet.current:
        sheet.current.sheet = sheet
    statements = statement_views(sheet.current, check) if sheet.current and check else []
    context = {
        "sheet": sheet,
        "check": check,
        "level": wanted if wanted in LEVELS else "",
        "counts": [(level, check.levels[level]) for level in LEVELS if check.levels.get(level)]
        if check
        else [],
        "statements": [one for one in statements if not wanted or one.level == wanted],
    }
    return render(request, "sheets/statements.html", context)


def statement_views(revision: Revision, check: RevisionCheck) -> list[StatementView]:
    """Return the counted statements of a revision, the riskiest first."""
    citations = {c.marker: c for c in revision.citations.select_related("document", "chunk")}
    for citation in citations.values():
        if citation.document_id:
            citation.url = page_url(citation.document_id, citation.page, citation.pk)  # type: ignore[attr-defined]
    page = settings.SITE_URL + revision.sheet.get_absolute_url()
    found = [
        replace(statement_view(one, citations), anchor=anchor, address=f"{page}#{anchor}")
        for anchor, one in counted_statements(check)
    ]
    return sorted(found, key=lambda one: RISKIEST_FIRST.index(one.level))


def statement_view(one: dict[str, Any], citations: dict[str, Citation]) -> StatementView:
    """Return a stored statement for the page."""
    reasons = (reason_sentence(code, detail) for code, detail in one["reasons"])
    return StatementView(
        one["text"],
        one["section"],
        one["level"],
        [reason for reason in reasons if reason],
        one["unborne"],
        [citations[marker] for marker in one["markers"] if marker in citations],
    )
