"""The desk where experts confirm statements, beside their passage on the printed page."""

import time
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from ingestion.anchors.page_images import StoredPageImage, page_image_of
from ingestion.readers.registry import is_paged
from ingestion.views.pages import HighlightBox
from sheets.models import Citation, Confirmation, Revision, RevisionCheck, Sheet
from sheets.rendering.html import page_url
from sheets.revisions.save import recheck_revision
from sheets.verification.levels import VERIFIED_LEVELS
from sheets.views.levels import RISKIEST_FIRST, StatementView, statement_view
from sheets.views.reading import requested_sheet
from sheets.views.returned_text import return_text
from wikico2.accounts.audit import record
from wikico2.accounts.decorators import requires
from wikico2.errors import UserError
from wikico2.parameters import whole_number

SHEETS_SHOWN = 200
REASON_LENGTH = 300


@dataclass(frozen=True)
class PrintedPassage:
    """A citation of a statement, with the image of its page and where the quote stands on it."""

    citation: Citation
    address: str = ""
    picture: StoredPageImage | None = None
    marks: list[HighlightBox] = field(default_factory=list)


@require_safe
@requires("statement.confirm")
def confirm_list(request: HttpRequest) -> HttpResponse:
    """List the sheets with statements to confirm, those with most first."""
    checks = RevisionCheck.objects.filter(
        revision__in=Sheet.objects.readable_by(request.user).values("current")
    ).select_related("revision__sheet")
    rows = [(check.revision.sheet, pending_count(check)) for check in checks]
    rows = sorted((row for row in rows if row[1]), key=lambda row: (-row[1], row[0].title))
    return render(request, "sheets/confirm_list.html", {"rows": rows[:SHEETS_SHOWN]})


@require_http_methods(["GET", "HEAD", "POST"])
@requires("statement.confirm")
def confirm_sheet(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one statement of a sheet beside its passage; a POST confirms or rejects it."""
    sheet = requested_sheet(request, slug)
    if request.method == "POST":
        return _answer(request, sheet)
    revision = sheet.current
    check = RevisionCheck.objects.filter(revision=revision).first() if revision else None
    if revision is None or check is None:
        return render(request, "sheets/confirm.html", {"sheet": sheet, "statement": None})
    pending = pending_statements(check)
    at = min(whole_number(request.GET.get("n", "")) or 0, max(len(pending) - 1, 0))
    done, minutes = _progress(request, sheet)
    context: dict[str, Any] = {
        "sheet": sheet,
        "statement": None,
        "left": len(pending),
        "done": done,
        "minutes": minutes,
    }
    if pending:
        index, stored = pending[at]
        citations = {c.marker: c for c in revision.citations.select_related("document", "chunk")}
        statement = statement_view(stored, citations)
        context |= {
            "statement": statement,
            "index": index,
            "revision": revision,
            "passages": [printed_passage(request, c) for c in statement.citations],
            "next": at + 1 if at + 1 < len(pending) else 0,
            "at": at,
            "editor": _editor_address(sheet, statement),
        }
    return render(request, "sheets/confirm.html", context)


def _answer(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    """Store what the person says of a statement, and show the next one."""
    index = whole_number(request.POST.get("index", ""))
    revision = whole_number(request.POST.get("revision", ""))
    accepted = request.POST.get("answer") == "confirm"
    reason = " ".join(request.POST.get("reason", "").split())[:REASON_LENGTH]
    address = reverse("confirm_sheet", args=[sheet.slug])
    if revision != sheet.current_id or index is None:
        if returned := return_text(request, "missing", HttpResponse(status=409)):
            return returned
        messages.warning(request, _("The sheet has changed meanwhile: here is its present text."))
        return redirect(address)
    if not accepted and not reason:
        messages.error(request, _("Say in a few words why the passage does not bear it."))
        return redirect(f"{address}?{urlencode({'n': request.POST.get('at', '0')})}")
    if not confirm_statement(sheet, index, accepted=accepted, reason=reason, user=request.user):
        messages.warning(request, _("This statement has no passage to compare it with."))
        return redirect(address)
    _count(request, sheet)
    return redirect(f"{address}?{urlencode({'n': request.POST.get('at', '0')})}")


@transaction.atomic
def confirm_statement(sheet: Sheet, index: int, *, accepted: bool, reason: str, user: Any) -> bool:
    """Store a confirmation or a rejection and check the sheet again; False without a passage."""
    revision = Revision.objects.get(sheet__current=F("pk"), sheet=sheet)
    statements = RevisionCheck.objects.get(revision=revision).statements
    if index >= len(statements):
        return False
    text_hash, passage_hash = statements[index].get("keys", ("", ""))
    if not passage_hash:
        return False
    Confirmation.objects.update_or_create(
        sheet=sheet,
        text_hash=text_hash,
        passage_hash=passage_hash,
        defaults={"accepted": accepted, "reason": "" if accepted else reason, "by": user},
    )
    verb = "confirm" if accepted else "dispute"
    record(f"statement.{verb}", sheet, user, text=statements[index]["text"][:200])
    recheck_revision(revision)
    return True


def pending_statements(check: RevisionCheck) -> list[tuple[int, dict[str, Any]]]:
    """Return (index, statement) of what nobody has judged and is not verified, riskiest first."""
    found = [
        (index, one)
        for index, one in enumerate(check.statements)
        if one["level"] not in VERIFIED_LEVELS
        and one.get("keys", ("", ""))[1]
        and not any(code == "rejected_by" for code, _detail in one["reasons"])
    ]
    return sorted(found, key=lambda pair: RISKIEST_FIRST.index(pair[1]["level"]))


def pending_count(check: RevisionCheck) -> int:
    """Return how many statements of a revision are to be confirmed."""
    return len(pending_statements(check))


def printed_passage(request: HttpRequest, citation: Citation) -> PrintedPassage:
    """Return a citation with the image of its page, where the reader may see it."""
    document = citation.document
    if document is None:
        return PrintedPassage(citation)
    address = page_url(document.pk, citation.page, citation.pk)
    if not is_paged(document.media_type) or not document.can_be_read_by(request.user):
        return PrintedPassage(citation, address)
    try:
        picture = page_image_of(document, citation.page)
    except UserError:
        return PrintedPassage(citation, address)
    page = document.pages.filter(number=citation.page).first()
    marks = picture.highlight((citation.quote,), page.words if page else [])
    return PrintedPassage(citation, address, picture, [HighlightBox.of(rect) for rect in marks])


def _editor_address(sheet: Sheet, statement: StatementView) -> str:
    return f"{reverse('sheet_edit', args=[sheet.slug])}#{statement.section}"


def _progress(request: HttpRequest, sheet: Sheet) -> tuple[int, int]:
    """Return how many statements of a sheet this session has judged, and in how many minutes."""
    done, begun = request.session.get("confirm", {}).get(str(sheet.pk), (0, time.time()))
    return done, round((time.time() - begun) / 60)


def _count(request: HttpRequest, sheet: Sheet) -> None:
    progress = request.session.get("confirm", {})
    done, begun = progress.get(str(sheet.pk), (0, time.time()))
    request.session["confirm"] = {**progress, str(sheet.pk): (done + 1, begun)}
