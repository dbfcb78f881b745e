"""Views to regenerate sections, lock them, and accept or reject proposals."""

from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ingestion.search.retrieve import subject_coverage
from sheets.forms.wiki import ConflictForm, RegenerateForm, slight_coverage
from sheets.generation.request import request_generation
from sheets.links.localized_text import localize_header
from sheets.markdown.sections_edit import cut_section, is_header, section_headings
from sheets.markdown.splice import note_lines
from sheets.merge import MergeResult, UnresolvedConflicts, Version
from sheets.models import Generation, Proposal, Section, Sheet
from sheets.models.schema_loader import load_template
from sheets.proposals.review import (
    LEFT,
    ProposalClosed,
    accept_proposal,
    answer_remark,
    is_remark,
    lock_section,
    merge_onto,
    reject_proposal,
    reject_section,
    save_choices,
    unlock_section,
)
from sheets.rendering.footnotes import numbering_header, reading_order, section_html
from sheets.rendering.html import render_sheet as to_html
from sheets.rendering.labels import reader_language
from sheets.revisions.conflicts import ConflictSection, conflict_sections
from sheets.revisions.errors import StaleBase
from sheets.revisions.versions import version_of
from sheets.schema.types import SheetTemplate
from sheets.staleness.new_passages import new_passages
from sheets.views.reading import requested_sheet
from sheets.views.returned_text import return_text
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import may
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.parameters import return_address

# --- Regenerating ---------------------------------------------------------------------------------


@requires("sheet.generate")
def sheet_regenerate(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the sections that can be regenerated; regenerate the chosen ones on POST."""
    sheet = requested_sheet(request, slug)
    sections = written_sections(sheet)
    working = sheet.generations.filter(state__in=Generation.WORKING).exists()
    documents = list(sheet.documents.order_by("title"))
    coverage = subject_coverage(sheet.title, [document.pk for document in documents])
    options: dict[str, Any] = {
        "sections": [s.key for s in sections],
        "stale": list(sheet.stale_sections),
        "doubt": slight_coverage(sheet.title, coverage) if coverage.is_slight else "",
    }
    form = RegenerateForm(**options)
    if request.method == "POST":
        form = RegenerateForm(request.POST, **options)
        if working:
            return redirect(sheet)
        if form.is_valid():
            try:
                request_generation(sheet, cast("User", request.user), form.sections())
            except UserError as error:
                messages.error(request, error.sentence)
                return redirect("sheet_generate", sheet.slug)
            return redirect(sheet)
    locks = {lock.section: lock for lock in sheet.locks.select_related("locked_by")}
    passages = new_passages(sheet)
    asked = request.POST.getlist("section") or request.GET.getlist("section")
    context = {
        "sheet": sheet,
        "form": form,
        "stale_keys": options["stale"],
        "working": working,
        "documents": documents,
        "by_people": sheet.has_human_edits(),
        "spent": sheet.generations.all().spent(),
        "currency": settings.LLM_CURRENCY,
        "proposals": sheet.proposals.waiting(),
        "asked": asked,
        "sections": [
            {
                "section": section,
                "lock": locks.get(section.key),
                "stale": sheet.stale_sections.get(section.key),
                "passages": passages.get(section.key, []),
                "chosen": section.key in asked,
            }
            for section in sections
        ],
    }
    return render(request, "sheets/generate.html", context, status=422 if form.errors else 200)


def written_sections(sheet: Sheet) -> list[Section]:
    """Return the sections of a sheet that a writer fills."""
    sections = Section.objects.filter(sheet_type=sheet.sheet_type_id)
    return list(sections.filter(fields__isnull=False).distinct().order_by("order"))


@require_POST
@requires("sheet.lock")
def section_lock(request: HttpRequest, slug: str) -> HttpResponse:
    """Lock or unlock a section."""
    sheet = requested_sheet(request, slug)
    section = get_object_or_404(
        Section, sheet_type=sheet.sheet_type_id, key=request.POST.get("section", "")[:50]
    )
    if request.POST.get("locked") == "1":
        lock_section(sheet, section.key, cast("User", request.user))
        message = _("“%(section)s” is locked: it is not regenerated until an expert unlocks it.")
    else:
        unlock_section(sheet, section.key, cast("User", request.user))
        message = _("“%(section)s” is unlocked.")
    messages.success(request, message % {"section": section.heading})
    return redirect(return_address(request) or reverse("sheet_generate", args=[sheet.slug]))


# --- Deciding -------------------------------------------------------------------------------------


def proposal_detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Show a proposal merged onto the current revision; accept or reject it on POST."""
    sheet = requested_sheet(request, slug)
    shown = get_object_or_404(
        sheet.proposals.select_related(
            "author", "generation", "base", "base_proposal", "decided_by", "accepted_as"
        ),
        pk=pk,
    )
    shown.sheet = sheet
    if not may(request.user, "unvalidated.read"):  # it shows the current text
        return redirect_to_login(request.get_full_path())
    if shown.is_anonymous and not may(request.user, "proposal.read_anonymous"):
        if request.user.is_authenticated:
            raise PermissionDenied  # an anonymous suggestion is not public before it is reviewed
        return redirect_to_login(request.get_full_path())
    if request.method == "POST":
        return decide_proposal(request, shown)
    if is_remark(shown):
        return show_remark(request, shown)
    if not shown.is_open or sheet.current is None:
        return show_decided(request, shown)
    return show_open(request, shown)


@requires("proposal.settle")
def decide_proposal(request: HttpRequest, shown: Proposal) -> HttpResponse:
    """Run the submitted action; choices and texts are saved first, so that none is lost."""
    if not shown.is_open or shown.sheet.current is None:
        return already_decided(request, shown)
    if is_remark(shown):
        return settle_remark(request, shown)
    merged, _parts = merged_sections(shown)
    form = ConflictForm(merged.conflicts, request.POST, choices=shown.choices)
    save_choices(shown, form.posted, form.left)
    if not form.is_valid():
        return show_open(request, shown, form, status=422)
    what, _colon, section = request.POST.get("do", "save").partition(":")
    try:
        if what == "refuse":
            return refuse_proposal(request, shown, form)
        if what == "keep":
            reject_section(shown, cast("User", request.user), section)
            messages.success(request, _("This section is unchanged."))
        elif what == "accept":
            before = shown.sheet.current
            revision = accept_proposal(
                shown,
                cast("User", request.user),
                onto=form.cleaned_data["onto"],
                choices=form.made_choices(),
                sections=[section] if section else None,
                left=form.left,
                reason=form.cleaned_data["reason"].strip(),
            )
            if revision == before:
                messages.info(request, _("Nothing was taken: the sheet is unchanged."))
            else:
                messages.success(request, _("Accepted as a new version. The previous one is kept."))
        else:
            messages.info(request, _("Your choices are saved. Nothing else has changed."))
    except ProposalClosed:
        return already_decided(request, shown)
    except StaleBase:
        shown.sheet.refresh_from_db()
        messages.warning(
            request,
            _(
                "The sheet was changed while you were deciding. The proposal was merged with "
                "its new text; your choices are kept. Check it, then accept."
            ),
        )
        return show_open(request, shown, status=409)
    except UnresolvedConflicts as error:
        form.mark_unresolved(error.ids)
        return show_open(request, shown, form, status=422)
    shown.refresh_from_db()
    return redirect(shown if shown.is_open else shown.sheet)


def refuse_proposal(request: HttpRequest, shown: Proposal, form: ConflictForm) -> HttpResponse:
    """Reject a proposal; a reason is required."""
    reason = form.cleaned_data["reason"].strip()
    if not reason:
        form.add_error("reason", _("Give the reason."))
        return show_open(request, shown, form, status=422)
    reject_proposal(shown, cast("User", request.user), reason)
    messages.success(request, _("Proposal refused. The sheet is unchanged."))
    return redirect(shown.sheet)


def settle_remark(request: HttpRequest, shown: Proposal) -> HttpResponse:
    """Close a remark, with an answer unless it is closed without one."""
    form = ConflictForm([], request.POST, choices={})
    form.fields["onto"].required = False
    form.is_valid()
    answer = form.cleaned_data.get("reason", "").strip()
    if request.POST.get("do") == "answer" and not answer and not form.errors:
        form.add_error("reason", _("Write the answer, or close the remark without one."))
    if form.errors:
        return show_remark(request, shown, form, status=422)
    try:
        answer_remark(shown, cast("User", request.user), answer)
    except ProposalClosed:
        return already_decided(request, shown)
    messages.success(
        request, _("The remark is answered.") if answer else _("The remark is closed.")
    )
    return redirect(shown.sheet)


def show_remark(
    request: HttpRequest, shown: Proposal, form: ConflictForm | None = None, status: int = 200
) -> HttpResponse:
    """Render a remark with the text of its section as it stands now, and its answer."""
    template = load_template(shown.sheet.sheet_type)
    key = shown.sections[0] if len(shown.sections) == 1 else ""
    current = version_of(shown.sheet.current)
    context = {
        "sheet": shown.sheet,
        "proposal": shown,
        "form": form or ConflictForm([], choices={}),
        "key": key,
        "heading": section_headings(current, template).get(key, ""),
        "section_html": section_page(current, key, template) if key else "",
    }
    return render(request, "sheets/remark.html", context, status=status)


def section_page(text: Version, key: str, template: SheetTemplate) -> str:
    """Return the HTML of a section, with the numbers of the notes of the whole sheet."""
    if is_header(key, template):
        return ""
    part = cut_section(text, key, template)
    here = note_lines(part)
    others = (f"[^{k}]: {v}" for k, v in note_lines(text.body).items() if k not in here)
    order = reading_order(text, template)
    body = "\n\n".join([part, "\n".join(others)])
    page = to_html(body, numbering_header(order), template, {}, reader_language()).body
    return section_html(page, len(order))


def already_decided(request: HttpRequest, shown: Proposal) -> HttpResponse:
    """Show the decision that another person has made; what was typed is given back."""
    if returned := return_text(request, "decided", HttpResponse(status=409)):
        return returned
    messages.warning(
        request, _("This proposal was decided in the meantime. Your decision changed nothing.")
    )
    return redirect(shown)


def merged_sections(shown: Proposal) -> tuple[MergeResult, list[ConflictSection]]:
    """Return a proposal merged onto the current revision, and the sections that differ."""
    current = shown.sheet.current
    assert current is not None
    template = load_template(shown.sheet.sheet_type)
    merged = merge_onto(shown, current, template)
    return merged, conflict_sections(merged, Version(current.body, current.metadata), template)


def show_open(
    request: HttpRequest, shown: Proposal, form: ConflictForm | None = None, status: int = 200
) -> HttpResponse:
    """Render an open proposal, with the choices and texts so far."""
    merged, parts = merged_sections(shown)
    if form is None:
        current = shown.sheet.current
        initial = {"onto": current.number if current else 0}
        form = ConflictForm(merged.conflicts, choices=shown.choices, initial=initial)
    if not shown.is_answerable:
        form.fields["reason"].help_text = _("Kept with the proposal. A refusal needs one.")
    conflict_ids = {c.id for c in merged.conflicts}
    context = {
        "sheet": shown.sheet,
        "proposal": shown,
        "form": form,
        "parts": with_conflict_fields(parts, form),
        "conflict_count": len(conflict_ids),
        "left": {k for k, given in shown.choices.items() if given.get("take") == LEFT},
        "takes_all": takes_all(shown, parts),
        "change_count": sum(len(part.changes) for part in parts),
        "typed": [
            given["text"]
            for key, given in shown.choices.items()
            if key not in conflict_ids
            and given.get("take") == "edit"
            and given.get("text", "").strip()
        ],
        "headings": {s.key: s.heading for s in written_sections(shown.sheet)},
    }
    return render(request, "sheets/proposal.html", context, status=status)


def takes_all(shown: Proposal, parts: list[ConflictSection]) -> bool:
    """Tell whether the choices so far leave nothing of the proposal out."""
    ids = {view.id for part in parts for view in part.conflicts}
    ids |= {change.id for part in parts for change in part.changes}
    made = (given.get("take") for key, given in shown.choices.items() if key in ids)
    return not {LEFT, "mine"}.intersection(made)


def with_conflict_fields(parts: list[ConflictSection], form: ConflictForm) -> list[dict[str, Any]]:
    """Return the sections with the form fields of each conflict."""
    return [
        {
            "part": part,
            "clashes": [
                {"clash": c, "take": form[f"take_{c.id}"], "text": form[f"text_{c.id}"]}
                for c in part.conflicts
            ],
        }
        for part in parts
    ]


def show_decided(request: HttpRequest, shown: Proposal) -> HttpResponse:
    """Render a decided proposal."""
    template = load_template(shown.sheet.sheet_type)
    rendered = to_html(shown.body, shown.metadata, template, {}, reader_language()).as_json()
    context = {
        "sheet": shown.sheet,
        "proposal": shown,
        "rendered": rendered,
        "header": localize_header(rendered, request.user, template),
    }
    return render(request, "sheets/proposal_decided.html", context)
