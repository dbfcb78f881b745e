"""Complete a field of a sheet: take in a candidate of the sources, or what was left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.db import transaction
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ingestion.models import Document
from sheets.markdown.insert import Quote, insert_statement
from sheets.markdown.parse import body_statements
from sheets.models import DroppedStatement, Revision, Sheet
from sheets.models.schema_loader import load_template
from sheets.revisions.edit import save_edit
from sheets.revisions.versions import initial_version, version_of
from sheets.schema.types import FieldBrief, SectionBrief
from sheets.sources.visibility import sources_visible_on
from sheets.views.reading import requested_sheet
from sheets.writers.field_picks import (
    LONGEST_QUERY,
    FieldPick,
    find_picks,
    fits,
    holds_a_name,
    pick_of,
)
from wikico2.accounts.decorators import requires
from wikico2.models import User
from wikico2.parameters import whole_number


@dataclass(frozen=True)
class OpenField:
    """A field with what was left out of it, and its candidates once they are asked for.

    `picks` are (candidate, whether the field may hold it as it stands).
    """

    brief: FieldBrief
    is_empty: bool
    dropped: list[DroppedStatement]
    picks: list[tuple[FieldPick, bool]] | None
    query: str = ""

    @property
    def holds_a_name(self) -> bool:
        return holds_a_name(self.brief)

    @property
    def is_searched(self) -> bool:
        return self.picks is not None


@never_cache
@requires("sheet.edit")
@require_http_methods(["GET", "HEAD", "POST"])
def complete_section(request: HttpRequest, slug: str, section: str) -> HttpResponse:
    """Show what a section may be completed with; a POST takes a statement in."""
    sheet = requested_sheet(request, slug)
    template = load_template(sheet.sheet_type)
    brief = next((s for s in template.written if s.key == section), None)
    if brief is None:
        raise Http404
    if request.method == "POST":
        return _take_in(request, sheet, brief)
    asked = request.GET.get("champ", "")
    documents = readable_sources(request, sheet)
    context = {
        "sheet": sheet,
        "section": brief,
        "fields": list(open_fields(request, sheet, brief, asked, documents)),
        "documents": documents,
        "address": reverse("complete_section", args=[sheet.slug, section]),
    }
    is_part = "HX-Request" in request.headers
    return render(request, "sheets/_complete.html" if is_part else "sheets/complete.html", context)


def readable_sources(request: HttpRequest, sheet: Sheet) -> list[Document]:
    """Return the read sources of a sheet that the user may open."""
    ready = sources_visible_on(sheet, request.user).filter(state=Document.State.READY)
    readable = Document.objects.readable_by(request.user).values("pk")
    return list(ready.filter(pk__in=readable).order_by("title"))


def open_fields(
    request: HttpRequest,
    sheet: Sheet,
    section: SectionBrief,
    asked: str,
    documents: list[Document],
) -> Iterator[OpenField]:
    """Yield the fields of a section, the empty ones first, with candidates for the one asked for.

    Without `asked` that is the first empty one.
    """
    template = load_template(sheet.sheet_type)
    current = version_of(sheet.current)
    statements = body_statements(current.body, template)
    filled = {s.field for s in statements if s.section == section.key} | set(current.values)
    known = [s.text for s in statements]
    dropped = dropped_by_field(sheet, section.key)
    ids = [d.pk for d in documents]
    fields = sorted(section.fields, key=lambda f: f.key in filled)
    asked = asked or next((f.key for f in fields if f.key not in filled), "")
    for field in fields:
        is_empty = field.key not in filled
        query = like = ""
        if asked == field.key:
            query = " ".join(request.GET.get("q", "").replace("\0", "").split())[:LONGEST_QUERY]
            like = request.GET.get("comme", "")
        picks = None
        if asked == field.key and ids:
            found = find_picks(sheet.title, field, ids, query=query, like=like, known=known)
            picks = [(pick, fits(field, pick.text)) for pick in found]
        yield OpenField(field, is_empty, dropped.get(field.key, []), picks, query)


def dropped_by_field(sheet: Sheet, section: str) -> dict[str, list[DroppedStatement]]:
    """Return what was left out of a section, by field, each source with the address of its page."""
    found: dict[str, list[DroppedStatement]] = {}
    rows = DroppedStatement.objects.waiting().filter(sheet=sheet, section=section)
    titles = dict(Document.objects.filter(sheets=sheet).values_list("pk", "title"))
    for row in rows:
        row.pages = [  # type: ignore[attr-defined]
            {
                "title": titles.get(s["document"], ""),
                "page": s["page"],
                "quote": s["quote"],
                "url": quote_url(s["document"], s["page"], s["quote"]),
            }
            for s in row.sources
        ]
        found.setdefault(row.field, []).append(row)
    return found


def quote_url(document: int, page: int, quote: str) -> str:
    """Return the address of a page of a source with a quote highlighted."""
    return f"{reverse('page', args=[document, page])}?{urlencode({'q': quote[:300]})}"


def _take_in(request: HttpRequest, sheet: Sheet, section: SectionBrief) -> HttpResponse:
    """Save a candidate, or what was left out, as this person's edit of a field."""
    user = cast("User", request.user)
    named = request.POST.get("champ", "")
    field = next((f for f in section.fields if f.key == named), None)
    if field is None:
        raise Http404
    ids = [d.pk for d in readable_sources(request, sheet)]
    if number := whole_number(request.POST.get("ecarte", "")):
        rows = DroppedStatement.objects.waiting().filter(sheet=sheet, section=section.key)
        row = get_object_or_404(rows, pk=number, field=field.key)
        rescue_dropped(sheet, user, section, field, row)
        messages.success(request, _("The statement was taken in, as your edit."))
    elif (pick := pick_of(request.POST.get("extrait", ""), ids)) and not fits(field, pick.text):
        messages.warning(
            request, _("“%(field)s” holds a short name, not a sentence.") % {"field": field.heading}
        )
        return redirect("complete_section", sheet.slug, section.key)
    elif pick:
        take_in(sheet, user, section, field, pick.text, pick.sources)
        messages.success(request, _("The statement was taken in, word for word, with its source."))
    else:
        messages.warning(
            request, _("This passage is no longer there: its source was read again or removed.")
        )
        return redirect("complete_section", sheet.slug, section.key)
    return redirect(f"{sheet.get_absolute_url()}#{section.key}")


def take_in(
    sheet: Sheet,
    user: User,
    section: SectionBrief,
    field: FieldBrief,
    text: str,
    quotes: tuple[Quote, ...],
) -> Revision:
    """Save a statement with its citations at the end of a field of the current text."""
    with transaction.atomic():
        sheet = Sheet.objects.lock(sheet)
        current = sheet.current
        template = load_template(sheet.sheet_type)
        version = insert_statement(initial_version(sheet), template, section, field, text, quotes)
        comment = _("“%(field)s” completed from the sources") % {"field": field.heading}
        return save_edit(sheet, user, base=current, text=version, comment=comment)


@transaction.atomic
def rescue_dropped(
    sheet: Sheet, user: User, section: SectionBrief, field: FieldBrief, row: DroppedStatement
) -> None:
    """Save what was left out as this person's edit, and mark it as taken in."""
    titles = dict(Document.objects.filter(sheets=sheet).values_list("pk", "title"))
    quotes = tuple(
        (titles[s["document"]], s["document"], s["page"], s["quote"])
        for s in row.sources
        if s["document"] in titles
    )
    take_in(sheet, user, section, field, row.text.replace(" | ", " ; "), quotes)
    DroppedStatement.objects.filter(pk=row.pk).update(rescued_at=Now(), rescued_by=user)
