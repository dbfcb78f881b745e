"""Views to submit a suggestion and to list proposals."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from sheets.forms.edit import SuggestForm, flatten_text, initial_of
from sheets.markdown.sections_edit import section_headings
from sheets.models import Proposal, Sheet
from sheets.proposals.suggestions import check_limit, create_suggestion, sender_of
from sheets.rendering.labels import reader_label
from sheets.views.editor import Editor, open_editor, sent_base
from sheets.views.reading import requested_sheet
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import may
from wikico2.errors import UserError

PER_PAGE = 30


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sheet_suggest(request: HttpRequest, slug: str) -> HttpResponse:
    """Create a proposal from a reader's changes or remark on a sheet or a section."""
    sheet = requested_sheet(request, slug)
    if sheet.current is None:
        raise Http404
    if not may(request.user, "proposal.create"):
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.get_full_path())
    given = request.POST if request.method == "POST" else request.GET
    chooses = request.POST.get("do") == "about"
    base = sent_base(request, sheet) if request.method == "POST" else sheet.current
    section = given.get("about" if chooses else "section", "")[:200]
    editor = open_editor(sheet, section, base or sheet.current)
    form = chosen_form(request, editor) if chooses else suggest_form(request, editor)
    if request.method == "POST" and form.is_valid():
        if form.is_honeypot_filled:
            return thank_sender(request, sheet)  # a bot filled in the hidden field
        try:
            user = request.user if request.user.is_authenticated else None
            create_suggestion(
                sheet,
                base=editor.base or sheet.current,
                text=form.text(),
                sender=sender_of(request),
                author=user,
                section=editor.section if editor.section in known_keys(editor) else "",
                remark=form.cleaned_data["remark"],
                signed=form.cleaned_data["signed"],
                reply_to=form.cleaned_data.get("reply_to", ""),
            )
        except UserError as error:
            form.add_error(None, error.sentence)
        else:
            return thank_sender(request, sheet)
    context: dict[str, Any] = {
        "sheet": sheet,
        "editor": editor,
        "form": form,
        "typed": rewritten_section(request, editor) if chooses else [],
        "sections": [
            (key, reader_label(heading, editor.template, key), key == editor.section)
            for key, heading in section_headings(editor.start, editor.template).items()
        ],
    }
    return render(request, "sheets/suggest.html", context, status=422 if form.errors else 200)


def chosen_form(request: HttpRequest, editor: Editor) -> SuggestForm:
    """Return the form for another section, with the remark and the name typed so far."""
    typed = {name: flatten_text(request.POST.get(name, "")) for name in ("remark", "signed")}
    return SuggestForm(
        start=editor.start,
        template=editor.template,
        section=editor.section,
        initial=editor.initial() | typed,
        auto_id="edit_%s",
        anonymous=not request.user.is_authenticated,
    )


def rewritten_section(request: HttpRequest, editor: Editor) -> list[str]:
    """Return the text of the section that was rewritten before another one was chosen, if any."""
    section, body = request.POST.get("section", "")[:200], request.POST.get("body", "")
    before = initial_of(editor.start, editor.template, section).get("body", "") if section else ""
    changed = section and flatten_text(body).strip() != before.strip()
    return [body] if changed and body.strip() else []


def suggest_form(request: HttpRequest, editor: Editor) -> SuggestForm:
    """Return the form; from a sender who has sent enough, it is refused before it is read."""
    refusal = ""
    if request.method == "POST":
        try:
            check_limit(sender_of(request))
        except UserError as error:
            refusal = error.sentence
    return SuggestForm(
        request.POST if request.method == "POST" else None,
        start=editor.start,
        template=editor.template,
        section=editor.section,
        initial=editor.initial(),
        auto_id="edit_%s",
        anonymous=not request.user.is_authenticated,
        refusal=refusal,
    )


def known_keys(editor: Editor) -> set[str]:
    """Return the keys of the sections that a proposal can be limited to."""
    return {s.key for s in editor.template.sections}


def thank_sender(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    messages.success(
        request, _("Thank you. An expert will review your suggestion; the sheet is unchanged.")
    )
    return redirect(sheet)


@require_safe
@requires("proposal.list")
def proposal_list(request: HttpRequest) -> HttpResponse:
    """List open proposals, oldest first; or decided ones, latest first."""
    decided = request.GET.get("etat") == "decidees"
    rows = Proposal.objects.filter(sheet__in=Sheet.objects.readable_by(request.user))
    rows = (
        rows.exclude(state=Proposal.State.OPEN).order_by("-decided_at", "-pk")
        if decided
        else rows.waiting().order_by("created_at", "pk")
    )
    rows = rows.select_related("sheet", "author", "generation", "decided_by").defer(
        "body", "merged", "metadata"
    )
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "sheets/proposals.html", {"page": page, "decided": decided})
