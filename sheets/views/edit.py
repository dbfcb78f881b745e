"""Editing a sheet or one section of it, with what others save at the same time."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from sheets.drafts import Template
from sheets.edit import Clash, save_edit, section_headings, start_of, version_of, with_note
from sheets.edit_forms import EditForm, initial_of
from sheets.forms import SettleForm
from sheets.merge import Version
from sheets.models import Picture, Revision, Sheet, Unsaved
from sheets.pictures import keep_picture, markdown_of
from sheets.reconcile import lay_out
from sheets.revise import preview
from sheets.template import load_template
from sheets.views.pick import find_citations, note_of
from sheets.views.propose import settling
from sheets.views.read import readable_sheets
from wikico2.errors import WorkError
from wikico2.models import User

REPEATED = re.compile(r"-\d+$")
FORGOTTEN = dt.timedelta(days=1)


@dataclass(frozen=True)
class Editor:
    """What is edited: a sheet or one section of it, from which revision on."""

    sheet: Sheet
    template: Template
    section: str
    heading: str
    base: Revision | None
    start: Version

    @property
    def address(self) -> str:
        """Return where the editor is."""
        address = reverse("sheet_edit", args=[self.sheet.slug])
        return f"{address}?section={self.section}" if self.section else address

    @property
    def back(self) -> str:
        """Return where the reader sees what is edited."""
        return self.sheet.get_absolute_url() + (f"#{self.section}" if self.section else "")

    def initial(self) -> dict[str, Any]:
        """Return what the fields show to begin with."""
        number = self.base.number if self.base else 0
        return {**initial_of(self.start, self.template, self.section), "base": number}

    def form(self, data: QueryDict | None = None, typed: dict[str, Any] | None = None) -> EditForm:
        """Return the form: as sent, as typed before, or as the sheet is."""
        initial = self.initial()
        initial |= {k: v for k, v in (typed or {}).items() if k != "base"}
        return EditForm(
            data,
            start=self.start,
            template=self.template,
            section=self.section,
            initial=initial,
            auto_id="edit_%s",
        )


def open_editor(sheet: Sheet, section: str, base: Revision | None) -> Editor:
    """Return the editor of a sheet or section; raises Http404 where there is no such section."""
    template = load_template(sheet.sheet_type)
    start = version_of(base) if base else start_of(sheet)
    headings = {s.key: s.heading for s in template.written}
    headings |= section_headings(start, template)
    if section not in headings:  # the second section of that name is edited with the first
        section = REPEATED.sub("", section)
    if section and section not in headings:
        raise Http404
    return Editor(sheet, template, section, headings.get(section, ""), base, start)


# --- The page -------------------------------------------------------------------------------------


@never_cache
def sheet_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the editor, or do what its form asks for; what was typed is kept whatever comes."""
    sheet = get_object_or_404(readable_sheets(request).select_related("current"), slug=slug)
    if request.method != "POST":
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return begin(request, sheet)
    editor = sent_editor(request, sheet)
    if not request.user.is_authenticated:
        entry = AuthenticationForm(request, request.POST if "username" in request.POST else None)
        if not entry.is_valid():
            context = {"entry": entry}
            return show(request, editor, editor.form(request.POST), context, status=401)
        login(request, entry.get_user())
    may_edit(request)
    form = editor.form(request.POST)
    keep(editor, cast("User", request.user), form.typed())
    action, _colon, detail = request.POST.get("do", "save").partition(":")
    if action == "discard":
        forget(editor, cast("User", request.user))
        messages.info(request, _("What you had typed was thrown away. The sheet is unchanged."))
        return redirect(editor.back)
    if action in ("picture", "find", "cite", "preview", "back"):
        return assist(request, editor, action, detail)
    if not form.is_valid():
        return show(request, editor, form, status=422)
    return save(request, editor, form)


def may_edit(request: HttpRequest) -> None:
    """Raise PermissionDenied for those who may not edit."""
    if not request.user.has_perm("sheets.change_sheet"):
        raise PermissionDenied


def begin(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    """Open the editor, with what this person typed before and did not save."""
    may_edit(request)
    section = request.GET.get("section", "")[:200]
    user = cast("User", request.user)
    kept = (
        sheet.unsaved.filter(user=user, section=section, typed_at__isnull=False)
        .select_related("base")
        .first()
    )
    editor = open_editor(sheet, section, kept.base if kept else sheet.current)
    if kept is None:
        sign_of_life(editor, user)
    form = editor.form(typed=kept.typed if kept else None)
    return show(request, editor, form, {"kept": kept})


def sent_editor(request: HttpRequest, sheet: Sheet) -> Editor:
    """Return the editor that a form was sent from."""
    return open_editor(sheet, request.POST.get("section", "")[:200], sent_base(request, sheet))


def sent_base(request: HttpRequest, sheet: Sheet) -> Revision | None:
    """Return the revision that a form was begun from."""
    number = request.POST.get("base", "")
    if not number.isdecimal() or len(number) > 9:
        return None
    return sheet.revisions.filter(number=int(number)).first()


def show(
    request: HttpRequest,
    editor: Editor,
    form: EditForm,
    more: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show the editor with what is typed."""
    user = request.user
    context: dict[str, Any] = {
        "sheet": editor.sheet,
        "editor": editor,
        "form": form,
        "others": others(editor, user) if user.is_authenticated else [],
        "moved_on": editor.sheet.current != editor.base,
        "query": request.POST.get("query", ""),
    }
    return render(request, "sheets/edit.html", context | (more or {}), status=status)


def assist(request: HttpRequest, editor: Editor, action: str, detail: str) -> HttpResponse:
    """Do what scripts do in the page, for those who have none: nothing is saved."""
    data = request.POST.copy()
    more: dict[str, Any] = {}
    if action == "picture":
        try:
            upload = request.FILES.get("picture")
            if upload is None:
                raise WorkError("not_a_picture")
            picture = keep_picture(upload, request.user)
            data["body"] = data.get("body", "").rstrip() + f"\n\n{markdown_of(picture)}\n"
            messages.success(request, _("The picture stands at the end of the text: move it."))
        except WorkError as error:
            more["picture_error"] = error.sentence
    elif action == "find":
        more["found"] = find_citations(request, request.POST.get("query", ""))
    elif action == "cite":
        note = note_of(request, detail)
        if note:
            data["body"], label = with_note(data.get("body", ""), note)
            said = _("The footnote [^%(label)s] is there: put [^%(label)s] after the statement.")
            messages.success(request, said % {"label": label})
    elif action == "preview":
        form = editor.form(request.POST)
        form.is_valid()
        more["rendered"] = shown(form)
    return show(request, editor, editor.form(data), more)


def save(request: HttpRequest, editor: Editor, form: EditForm) -> HttpResponse:
    """Save, or show where others have changed the same."""
    user = cast("User", request.user)
    settle = request.POST.get("onto", "")
    choices = SettleForm([], request.POST, choices={}).posted if settle else None
    try:
        revision = save_edit(
            editor.sheet,
            user,
            base=editor.base,
            text=form.text(),
            comment=form.cleaned_data["comment"],
            minor=form.cleaned_data["minor"],
            choices={k: c for k, c in choices.items() if c.take} if choices is not None else None,
            onto=int(settle) if settle.isdecimal() and len(settle) < 10 else 0,
        )
    except Clash as clash:
        return show_clash(request, editor, form, clash)
    forget(editor, user)
    tell(request, editor, revision)
    return redirect(editor.back)


def tell(request: HttpRequest, editor: Editor, revision: Revision) -> None:
    """Say what became of an edit."""
    given = {"n": revision.number}
    if revision == editor.sheet.current:
        messages.info(request, _("Nothing has changed: the sheet says all of it already."))
    elif revision.origin == Revision.Origin.MERGE:
        said = _("Saved as version %(n)s, together with what others changed in the meantime.")
        messages.success(request, said % given)
    else:
        messages.success(request, _("Saved as version %(n)s.") % given)


# --- Two people at once ---------------------------------------------------------------------------


def show_clash(request: HttpRequest, editor: Editor, form: EditForm, clash: Clash) -> HttpResponse:
    """Show both texts where they clash; what was typed goes along."""
    merged, current = clash.merged, clash.current
    posted = SettleForm([], request.POST, choices={}).posted
    known = {k: {"take": c.take, "text": c.text} for k, c in posted.items()}
    data = request.POST.copy()
    data["onto"] = str(current.number)
    settle = SettleForm(
        merged.conflicts,
        data if clash.unsettled else None,
        choices=known,
        initial={"onto": current.number},
    )
    if clash.unsettled:
        settle.is_valid()
        settle.mark_unsettled(clash.unsettled)
    parts = lay_out(merged, version_of(current), editor.template)
    there = {c.id for c in merged.conflicts}
    context = {
        "sheet": editor.sheet,
        "editor": editor,
        "form": form,
        "settle": settle,
        "current": current,
        "parts": settling(parts, settle),
        "conflict_count": len(there),
        "typed": [
            c.text
            for key, c in posted.items()
            if key not in there and c.take == "edit" and c.text.strip()
        ],
        "sent": {**form.typed(), "section": editor.section},
    }
    return render(request, "sheets/edit_conflict.html", context, status=409)


def others(editor: Editor, user: Any) -> list[str]:
    """Return the names of the others who edit the same sheet right now."""
    rows = editor.sheet.unsaved.at_work().exclude(user=user).select_related("user")
    return sorted({str(row.user) for row in rows})


def sign_of_life(editor: Editor, user: User) -> None:
    """Note that somebody has the editor open; forget those who left theirs without a word."""
    Unsaved.objects.filter(typed={}, seen_at__lt=timezone.now() - FORGOTTEN).delete()
    Unsaved.objects.update_or_create(
        sheet=editor.sheet,
        user=user,
        section=editor.section,
        defaults={"seen_at": timezone.now()},
        create_defaults={"seen_at": timezone.now(), "base": editor.base},
    )


def keep(editor: Editor, user: User, typed: dict[str, str]) -> None:
    """Keep what was typed until it is saved; nothing where it is what the sheet says."""
    now = timezone.now()
    fields = editor.form().initial
    changed = any(str(fields.get(k) or "") != v for k, v in typed.items() if k != "base")
    Unsaved.objects.update_or_create(
        sheet=editor.sheet,
        user=user,
        section=editor.section,
        defaults={
            "base": editor.base,
            "typed": typed if changed else {},
            "typed_at": now if changed else None,
            "seen_at": now,
        },
    )


def forget(editor: Editor, user: User) -> None:
    """Forget what was typed: it is saved, or not wanted."""
    Unsaved.objects.filter(sheet=editor.sheet, user=user, section=editor.section).delete()


# --- What scripts ask for -------------------------------------------------------------------------


@never_cache
@require_POST
def sheet_keep(request: HttpRequest, slug: str) -> HttpResponse:
    """Keep what is typed, and tell who else is at the sheet; 401 where the session has ended."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    may_edit(request)
    sheet = get_object_or_404(readable_sheets(request).select_related("current"), slug=slug)
    editor = sent_editor(request, sheet)
    user = cast("User", request.user)
    keep(editor, user, editor.form(request.POST).typed())
    context = {
        "editor": editor,
        "sheet": sheet,
        "others": others(editor, user),
        "moved_on": sheet.current != editor.base,
    }
    return render(request, "sheets/_edit_others.html", context)


@never_cache
@require_POST
def sheet_preview(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what is typed as readers will see it, made by the renderer of the pages."""
    may_edit(request)
    sheet = get_object_or_404(readable_sheets(request).select_related("current"), slug=slug)
    form = sent_editor(request, sheet).form(request.POST)
    form.is_valid()
    return render(request, "sheets/_preview.html", {"rendered": shown(form)})


def shown(form: EditForm) -> dict[str, Any]:
    """Return the page of what is typed: of the section alone where one is edited."""
    given = {k: str(form.data.get(k, "")) for k in form.fields}
    text = form.text(given)
    if form.section and not form.is_header:
        text = Version(given["body"])
    elif form.is_header:
        text = Version("", text.values)
    page = preview(text, form.template)
    labels = {f.key: f.heading for s in form.template.written for f in s.fields}
    return {"body": page.body, "header": [(labels.get(k, k), v) for k, v in page.header.items()]}


@require_POST
def picture_add(request: HttpRequest) -> HttpResponse:
    """Take a picture in and answer with the Markdown that shows it."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    may_edit(request)
    upload = request.FILES.get("picture")
    try:
        if upload is None:
            raise WorkError("not_a_picture")
        picture = keep_picture(upload, request.user)
    except WorkError as error:
        return HttpResponse(error.sentence, status=422, content_type="text/plain; charset=utf-8")
    return HttpResponse(markdown_of(picture), status=201, content_type="text/plain; charset=utf-8")


def picture(request: HttpRequest, name: str) -> HttpResponse:
    """Send a picture, which never changes under its name."""
    found = get_object_or_404(Picture, name=name)
    try:
        with found.file.open("rb") as kept:
            content = kept.read()
    except FileNotFoundError as error:
        raise Http404 from error
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return HttpResponse(content, content_type="image/webp", headers=headers)
