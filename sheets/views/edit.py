"""Views to edit a sheet or one of its sections, with concurrent edits."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from sheets.forms.edit import LONGEST, LONGEST_KEPT, EditForm, flatten_text
from sheets.forms.wiki import ConflictForm
from sheets.links.localized_text import header_labels
from sheets.links.wikilinks import resolve_links
from sheets.markdown.notes import with_note
from sheets.markdown.scanner import scan
from sheets.markdown.splice import called_labels, note_lines
from sheets.merge import Version
from sheets.models import Revision, Sheet
from sheets.rendering.footnotes import numbering_header, reading_order, section_html
from sheets.rendering.images import markdown_of, save_picture
from sheets.rendering.notices import preview_notices
from sheets.rendering.preview import preview_version
from sheets.rendering.preview_turns import wait_for_preview
from sheets.rendering.visual import visual_blocks
from sheets.revisions.conflicts import conflict_sections
from sheets.revisions.edit import EditConflict, save_edit
from sheets.revisions.versions import version_of
from sheets.views.editor import (
    Editor,
    begun_editor,
    delete_draft,
    delete_expired,
    forget_copies,
    last_sent,
    offered_drafts,
    other_editors,
    record_activity,
    record_save,
    require_may_edit,
    save_draft,
    sent_editor,
)
from sheets.views.editor_pickers import find_citations, footnote_of
from sheets.views.proposals import with_conflict_fields
from sheets.views.reading import requested_sheet
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.parameters import LARGEST_NUMBER, whole_number

ASSISTED = ("picture", "find", "cite", "preview", "back")
"""Actions of the form's buttons that do not save the sheet."""

# --- The page -------------------------------------------------------------------------------------


@never_cache
def sheet_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the editor, or run the action of its form; the draft is saved in all cases."""
    sheet = requested_sheet(request, slug)
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    require_may_edit(request)
    if request.method != "POST":
        return begin_edit(request, sheet)
    editor = sent_editor(request, sheet)
    form = editor.form(request.POST)
    action, _colon, detail = request.POST.get("do", "save").partition(":")
    if action == "discard":
        delete_draft(editor, request.user)
        messages.info(request, _("Your unsaved text was discarded. The sheet is unchanged."))
        response = redirect(editor.back)
        forget_copies(response, editor)
        return response
    if action not in ASSISTED and form.is_valid():
        return save_typed(request, editor, form)
    save_draft(editor, request.user, form.typed())
    if action in ASSISTED:
        return assist_editing(request, editor, action, detail)
    return show_editor(request, editor, form, status=422)


def begin_edit(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    """Open the editor, with this user's latest draft if there is one; offer the others."""
    user = cast("User", request.user)
    delete_expired(sheet, user)
    editor = begun_editor(request, sheet)
    record_activity(editor, user)
    draft = editor.continued
    more = {"offered": offered_drafts(editor, user)}
    return show_editor(request, editor, editor.form(typed=draft.typed if draft else None), more)


def show_editor(
    request: HttpRequest,
    editor: Editor,
    form: EditForm,
    more: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the editor."""
    context: dict[str, Any] = {
        "sheet": editor.sheet,
        "editor": editor,
        "form": form,
        "others": other_editors(editor, request.user),
        "query": request.POST.get("query", ""),
    }
    return render(request, "sheets/edit.html", context | (more or {}), status=status)


def assist_editing(request: HttpRequest, editor: Editor, action: str, detail: str) -> HttpResponse:
    """Run an action that scripts run in the page, for browsers without scripts; saves nothing."""
    data = request.POST.copy()
    more: dict[str, Any] = {}
    if action == "picture":
        try:
            upload = request.FILES.get("picture")
            if upload is None:
                raise UserError("not_a_picture")
            picture = save_picture(upload, request.user)
            data["body"] = data.get("body", "").rstrip() + f"\n\n{markdown_of(picture)}\n"
            messages.success(
                request,
                _("The picture was added at the end of the text: move it where you want it."),
            )
        except UserError as error:
            more["picture_error"] = error.sentence
    elif action == "find":
        more["found"] = find_citations(request, request.POST.get("query", ""))
    elif action == "cite":
        note = footnote_of(request, detail)
        if note:
            data["body"], label = with_note(data.get("body", ""), note)
            message = _("Footnote [^%(label)s] was added: put [^%(label)s] after the statement.")
            messages.success(request, message % {"label": label})
    elif action == "preview":
        form = editor.form(request.POST)
        more["rendered"] = preview_typed(form, request.user)
    return show_editor(request, editor, editor.form(data), more)


def save_typed(request: HttpRequest, editor: Editor, form: EditForm) -> HttpResponse:
    """Save the edit, or show its conflicts; the input is stored as a draft if it is not saved."""
    user = cast("User", request.user)
    text = form.text()
    onto = request.POST.get("onto", "")
    choices = ConflictForm([], request.POST, choices={}).posted if onto else None
    try:
        with transaction.atomic():
            revision = save_edit(
                editor.sheet,
                user,
                base=editor.saved.revision if editor.saved else editor.base,
                text=text,
                since=last_sent(editor),
                comment=form.cleaned_data["comment"],
                minor=form.cleaned_data["minor"],
                choices=None if choices is None else {k: c for k, c in choices.items() if c.take},
                onto=whole_number(onto, LARGEST_NUMBER) or 0,
            )
            record_save(editor, user, revision, text, form.typed())
            delete_draft(editor, user)
    except EditConflict as conflict:
        save_draft(editor, user, form.typed())
        return show_edit_conflict(request, editor, form, conflict)
    except Exception:
        save_draft(editor, user, form.typed())
        raise
    report_saved(request, editor, revision)
    response = redirect(editor.back)
    forget_copies(response, editor)
    return response


def report_saved(request: HttpRequest, editor: Editor, revision: Revision) -> None:
    """Add a message about the result of an edit."""
    given = {"n": revision.number}
    if revision == editor.sheet.current:
        messages.info(request, _("No change: the sheet already contains this text."))
    elif revision.origin == Revision.Origin.MERGE:
        message = _("Saved as version %(n)s, merged with changes made by others in the meantime.")
        messages.success(request, message % given)
    else:
        messages.success(request, _("Saved as version %(n)s.") % given)


# --- Edit conflicts -------------------------------------------------------------------------------


def show_edit_conflict(
    request: HttpRequest, editor: Editor, form: EditForm, conflict: EditConflict
) -> HttpResponse:
    """Render the conflicts with both texts, with the input in hidden fields."""
    merged, current = conflict.merged, conflict.current
    posted = ConflictForm([], request.POST, choices={}).posted
    known = {k: {"take": c.take, "text": c.text} for k, c in posted.items()}
    data = request.POST.copy()
    data["onto"] = str(current.number)
    choice_form = ConflictForm(
        merged.conflicts,
        data if conflict.unresolved else None,
        choices=known,
        initial={"onto": current.number},
    )
    if conflict.unresolved:
        choice_form.is_valid()
        choice_form.mark_unresolved(conflict.unresolved)
    parts = conflict_sections(merged, version_of(current), editor.template)
    conflict_ids = {c.id for c in merged.conflicts}
    context = {
        "sheet": editor.sheet,
        "editor": editor,
        "form": form,
        "settle": choice_form,
        "current": current,
        "parts": with_conflict_fields(parts, choice_form),
        "conflict_count": len(conflict_ids),
        "typed": [
            c.text
            for key, c in posted.items()
            if key not in conflict_ids and c.take == "edit" and c.text.strip()
        ],
        "sent": form.typed() | editor.hidden,
    }
    return render(request, "sheets/edit_conflict.html", context, status=409)


# --- Requests of scripts --------------------------------------------------------------------------


@never_cache
@require_POST
def sheet_autosave(request: HttpRequest, slug: str) -> HttpResponse:
    """Save the draft, and list the other editors of the sheet; 413 if it is too long to keep."""
    require_may_edit(request)
    sheet = requested_sheet(request, slug)
    editor = sent_editor(request, sheet)
    if any(len(text) > LONGEST_KEPT for text in request.POST.values()):
        return HttpResponse(status=413)
    user = cast("User", request.user)
    is_kept = save_draft(editor, user, editor.form(request.POST).typed())
    context = {"editor": editor, "sheet": sheet, "others": other_editors(editor, user)}
    response = render(request, "sheets/_edit_others.html", context)
    response["Draft-Kept"] = str(int(is_kept))
    return response


@never_cache
@require_POST
def sheet_preview(request: HttpRequest, slug: str) -> HttpResponse:
    """Render the input as readers will see it.

    The answer is empty (204) where the same editor has asked for a later preview meanwhile.
    """
    require_may_edit(request)
    number = whole_number(request.POST.get("turn", "")) or 0
    asking = request.user.pk, slug, request.POST.get("tab", "")[:40]
    with wait_for_preview(asking, number) as is_latest:
        if number and not is_latest:
            return HttpResponse(status=204)
        form = sent_editor(request, requested_sheet(request, slug)).form(request.POST)
        return render(
            request, "sheets/_preview.html", {"rendered": preview_typed(form, request.user)}
        )


@never_cache
@require_POST
def sheet_blocks(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the typed text as blocks for the visual editor, with its footnotes; 413 if too long.

    A footnote that stands as it does in the revision that the edit started from has its level.
    """
    require_may_edit(request)
    editor = sent_editor(request, requested_sheet(request, slug))
    body = flatten_text(request.POST.get("body", ""))
    if len(body) > LONGEST:
        return HttpResponse(status=413)
    found = visual_blocks(body)
    notes = found["notes"]
    for citation in editor.base.citations.all() if editor.base else ():
        note = notes.get(citation.marker)
        if note and (note["document"], note["page"], note["quote"]) == (
            citation.document_id, citation.page, citation.quote,
        ):  # fmt: skip
            reasons = [str(reason) for reason in citation.reason_sentences]
            word = citation.get_level_display()
            note |= {"level": citation.level, "word": word, "reasons": reasons}
    return JsonResponse(found)


def preview_typed(form: EditForm, user: Any) -> dict[str, Any]:
    """Render the input: the section alone where one is edited.

    Text over the limit is not rendered: `refused` says so.
    """
    given = {k: str(form.data.get(k, "")) for k in form.fields}
    limits = {name: getattr(field, "max_length", None) for name, field in form.fields.items()}
    if limit := next((n for name, n in limits.items() if n and len(given[name]) > n), 0):
        message = _("This text is too long: at most %(limit)s characters are taken.")
        return {"refused": message % {"limit": limit}}
    text = form.text(given)
    if form.section and not form.is_header:
        return {
            "body": resolve_links(section_preview(given["body"], text, form), user),
            "header": [],
            "notices": preview_notices(given["body"]),
        }
    if form.is_header:
        text = Version(called_notes(text), text.values)
    page = preview_version(text, form.template)
    labels = header_labels(form.template)
    keys = [*(k for k in labels if k in page.header), *(k for k in page.header if k not in labels)]
    header = [(labels.get(k, k), resolve_links(page.header[k], user)) for k in keys]
    return {
        "body": resolve_links(page.body, user),
        "header": header,
        "notices": preview_notices(text.body),
    }


def called_notes(whole: Version) -> str:
    """Return the footnotes that the header data of a sheet calls, as a body of their own."""
    calls = called_labels(whole.values.values())
    return "\n".join(f"[^{k}]: {v}" for k, v in note_lines(whole.body).items() if k in calls)


def section_preview(body: str, whole: Version, form: EditForm) -> str:
    """Render one section, with the footnotes and named addresses of the whole sheet."""
    order = reading_order(whole, form.template)
    here = note_lines(body)
    ends = [block.text for block in scan(whole.body).blocks if block.kind == "reference"]
    ends += [f"[^{k}]: {v}" for k, v in note_lines(whole.body).items() if k not in here]
    pieces = [body.rstrip("\n"), "\n".join(ends)]
    if scan(body).open_block:  # would swallow the definitions
        pieces.reverse()
    text = "\n\n".join(pieces) + "\n"
    known = [marker for marker in order if f"[^{marker}]:" in text]
    page = preview_version(Version(text, numbering_header(known)), form.template)
    return section_html(page.body, len(known))
