"""The state of an open editor: its target, its form, its draft, and the other editors."""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from sheets.forms.edit import LONGEST, VALUE, EditForm, initial_of
from sheets.markdown.sections_edit import section_headings
from sheets.merge import Version
from sheets.merge.diff import BlockChange, diff_blocks
from sheets.models import EditDraft, Revision, SavedForm, Sheet
from sheets.models.editing import RETENTION
from sheets.models.schema_loader import load_template
from sheets.rendering.labels import Label, reader_label
from sheets.revisions.versions import initial_version, is_same_version, version_of
from sheets.schema.types import SheetTemplate
from wikico2.accounts.rules import check
from wikico2.models import User
from wikico2.parameters import LARGEST_NUMBER, whole_number

REPEATED = re.compile(r"-\d+$")
NO_DRAFT = "0"
MOST = 5
"""Most drafts that are offered, and most changes shown of each."""
TAB = re.compile(r"[A-Za-z0-9-]{1,40}")
SAVED_COOKIE, SAVED_SECONDS = "saved_form", 3600
"""The cookie that tells scripts whose local copies are not needed any more."""


@dataclass(frozen=True)
class Editor:
    """An editor of a sheet or one of its sections; `base` is the revision it started from.

    `tab` names the form, one for each page that was sent. `continued` is the draft that the form
    was opened with and `copy` the form that had typed it; `seen` is the number of the revision that
    was current then. `saved` is the last save of the form, or else that of `copy` up to `seen`:
    what that one saves later is not in this form.
    """

    sheet: Sheet
    template: SheetTemplate
    section: str
    heading: Label
    base: Revision | None
    start: Version
    tab: str = ""
    copy: str = ""
    seen: int = 0
    continued: EditDraft | None = None
    saved: SavedForm | None = None

    @property
    def address(self) -> str:
        """Return the URL of the editor."""
        address = reverse("sheet_edit", args=[self.sheet.slug])
        return f"{address}?section={self.section}" if self.section else address

    @property
    def back(self) -> str:
        """Return the URL of the edited section on the sheet's page."""
        return self.sheet.get_absolute_url() + (f"#{self.section}" if self.section else "")

    @property
    def hidden(self) -> dict[str, str]:
        """Return what the form carries of itself: its sheet, and the draft that it continues."""
        draft = self.continued
        return {
            "sheet": str(self.sheet.pk),
            "called": self.sheet.title,
            "kind": self.sheet.sheet_type.key,
            "section": self.section,
            "tab": self.tab,
            "copy": self.copy,
            "seen": str(self.seen),
            "draft": str(draft.pk) if draft else "",
            "draft_at": draft.typed_at.isoformat() if draft and draft.typed_at else "",
        }

    @property
    def has_moved_on(self) -> bool:
        """Tell whether the sheet has a revision that neither this form knows nor has made."""
        known = {self.base, self.saved.revision if self.saved else None}
        return self.sheet.current not in known

    def initial(self) -> dict[str, Any]:
        """Return the initial values of the form fields."""
        number = self.base.number if self.base else 0
        return {**initial_of(self.start, self.template, self.section), "base": number}

    def form(self, data: QueryDict | None = None, typed: dict[str, Any] | None = None) -> EditForm:
        """Return the form: bound to `data`, or filled from the draft `typed` or from the sheet."""
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


def begun_editor(request: HttpRequest, sheet: Sheet) -> Editor:
    """Return the editor of a new form: with the draft asked for, else with the latest, if any."""
    section = request.GET.get("section", "")[:200]
    drafts = sheet.drafts.with_text().filter(user=cast("User", request.user))
    asked = request.GET.get("brouillon", "")
    if asked == NO_DRAFT:
        draft = None
    elif (number := whole_number(asked)) is not None:
        draft = drafts.filter(pk=number).select_related("base").first()
        section = draft.section if draft else section
    else:
        named = {section, REPEATED.sub("", section)}
        draft = drafts.filter(section__in=named).select_related("base").first()
    editor = open_editor(sheet, section, draft.base if draft else sheet.current)
    copy = draft.tab if draft else ""
    seen = sheet.current.number if sheet.current else 0
    return replace(editor, tab=secrets.token_hex(8), copy=copy, seen=seen, continued=draft)


def open_editor(sheet: Sheet, section: str, base: Revision | None) -> Editor:
    """Return the editor of a sheet or section; raises Http404 for an unknown section."""
    template = load_template(sheet.sheet_type)
    start = version_of(base) if base else initial_version(sheet)
    headings = {s.key: s.heading for s in template.written}
    headings |= section_headings(start, template)
    if section not in headings:  # a second section of the same name is edited with the first
        section = REPEATED.sub("", section)
    if section and section not in headings:
        raise Http404
    heading = reader_label(headings.get(section, ""), template, section)
    return Editor(sheet, template, section, heading, base, start)


def sent_editor(request: HttpRequest, sheet: Sheet) -> Editor:
    """Return the editor of a submitted form."""
    section = request.POST.get("section", "")[:200]
    editor = open_editor(sheet, section, sent_base(request, sheet))
    tab, copy = sent_tab(request, "tab"), sent_tab(request, "copy")
    if not tab or not request.user.is_authenticated:
        return editor
    seen = whole_number(request.POST.get("seen", ""), LARGEST_NUMBER) or 0
    base = editor.base.number if editor.base else 0
    rows = SavedForm.objects.filter(user=request.user, tab__in=(tab, copy))
    known = [
        row
        for row in rows
        if row.revision.sheet_id == sheet.pk
        and row.revision.number > base  # else the form was filled from a later text since
        and (row.tab == tab or row.revision.number <= seen)
    ]
    saved = max(known, key=lambda row: row.tab == tab, default=None)
    continued = sent_draft(request, sheet)
    return replace(editor, tab=tab, copy=copy, seen=seen, saved=saved, continued=continued)


def sent_tab(request: HttpRequest, name: str) -> str:
    """Return the name of a form that a submitted form carries, or ""."""
    tab = request.POST.get(name, "")
    return tab if TAB.fullmatch(tab) else ""


def sent_base(request: HttpRequest, sheet: Sheet) -> Revision | None:
    """Return the base revision of a submitted form, or None."""
    number = whole_number(request.POST.get("base", ""), LARGEST_NUMBER)
    if number is None:
        return None
    if sheet.current and sheet.current.number == number:
        return sheet.current
    return sheet.revisions.filter(number=number).first()


def sent_draft(request: HttpRequest, sheet: Sheet) -> EditDraft | None:
    """Return the draft that a submitted form continues, unless it was changed since."""
    number = whole_number(request.POST.get("draft", ""))
    try:
        typed_at = parse_datetime(request.POST.get("draft_at", ""))
    except ValueError:
        typed_at = None
    if number is None or typed_at is None or timezone.is_naive(typed_at):
        return None
    return sheet.drafts.filter(
        pk=number, user=cast("User", request.user), typed_at=typed_at
    ).first()


def require_may_edit(request: HttpRequest) -> None:
    """Raise PermissionDenied unless the user may edit."""
    check(request.user, "sheet.edit")


def other_editors(editor: Editor, user: Any) -> list[str]:
    """Return the sorted names of the other users who are editing the same sheet."""
    rows = editor.sheet.drafts.active().exclude(user=user).select_related("user")
    return sorted({str(row.user) for row in rows})


# --- Drafts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OfferedDraft:
    """A draft that the editor offers: what it changes of the text that it was started from."""

    draft: EditDraft
    section: Label
    changes: list[BlockChange]

    @property
    def text(self) -> str:
        """Return the text that was typed, with the header values."""
        typed = self.draft.typed
        values = (
            f"{k.removeprefix(VALUE)}: {v}" for k, v in typed.items() if k.startswith(VALUE) and v
        )
        return "\n".join([*values, typed.get("body", "")]).strip()


def offered_drafts(editor: Editor, user: User) -> list[OfferedDraft]:
    """Return the other unsaved texts of a user for this sheet, the latest first."""
    drafts = editor.sheet.drafts.with_text().filter(user=user).exclude(tab=editor.tab)
    if editor.continued:
        drafts = drafts.exclude(pk=editor.continued.pk)
    return [offered_draft(row) for row in drafts.select_related("base", "sheet__sheet_type")[:MOST]]


def offered_draft(draft: EditDraft) -> OfferedDraft:
    """Return a draft with its first changed blocks."""
    try:
        editor = open_editor(draft.sheet, draft.section, draft.base)
    except Http404:  # its section is no longer there
        editor = open_editor(draft.sheet, "", draft.base)
    before = editor.initial().get("body", "")
    text = draft.typed.get("body", before)[:LONGEST]
    changes = [one for one in diff_blocks(before, text) if one.kind not in ("same", "moved")]
    return OfferedDraft(draft, editor.heading, changes[:MOST])


def delete_expired(sheet: Sheet, user: User) -> None:
    """Delete old drafts, and the forms of this user that were closed without a text."""
    EditDraft.objects.expired().delete()
    SavedForm.objects.filter(saved_at__lt=timezone.now() - RETENTION).delete()
    closed = sheet.drafts.filter(user=user, typed_at=None)
    closed.exclude(pk__in=EditDraft.objects.active()).delete()


def record_activity(editor: Editor, user: User) -> None:
    """Record that the user has the editor open."""
    EditDraft.objects.update_or_create(
        sheet=editor.sheet,
        user=user,
        section=editor.section,
        tab=editor.tab,
        defaults={"seen_at": timezone.now(), "base": editor.base},
    )


def save_draft(editor: Editor, user: User, typed: dict[str, str]) -> bool:
    """Store the input as the draft of its form; tell whether it holds a text.

    It is empty where nothing was typed: the fields are those of the sheet, of the draft that the
    form continues, or of its last save. The continued draft is deleted once it is replaced and no
    other tab has it open.
    """
    now = timezone.now()
    fields = editor.form().initial
    changed = any(str(fields.get(k) or "") != v for k, v in typed.items() if k != "base")
    if editor.continued and digest_of(editor.continued.typed) == digest_of(typed):
        changed = False
    if editor.saved and editor.saved.digest == digest_of(typed):
        changed = False
    key: dict[str, Any] = {
        "sheet": editor.sheet, "user": user, "section": editor.section, "tab": editor.tab,
    }  # fmt: skip
    stored: dict[str, Any] = {"base": editor.base, "seen_at": now}
    same = EditDraft.objects.filter(**key, typed=typed if changed else {}).update(**stored)
    if not same:
        stored |= {"typed": typed if changed else {}, "typed_at": now if changed else None}
        EditDraft.objects.update_or_create(**key, defaults=stored)
    if changed and editor.continued and not editor.continued.is_open:
        editor.continued.delete()
    return changed


def delete_draft(editor: Editor, user: User) -> None:
    """Delete the draft of a form and the one that it continues: saved or discarded."""
    drafts = EditDraft.objects.filter(sheet=editor.sheet, user=user)
    own = Q(section=editor.section, tab=editor.tab)
    drafts.filter(own | Q(pk=editor.continued.pk) if editor.continued else own).delete()


def digest_of(typed: Mapping[str, str]) -> str:
    """Return the hash of submitted form fields, the base aside."""
    fields = sorted((k, v) for k, v in typed.items() if k != "base")
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


# --- Saving the same form again -------------------------------------------------------------------


def last_sent(editor: Editor) -> Version | None:
    """Return the whole text that this form has saved last; None before its first save.

    What the form sends now differs from that text by what its writer changed since, and by nothing
    that others wrote. So it is what a second save of the form is merged from.
    """
    if editor.saved is None:
        return None
    sent = editor.saved.sent
    return Version(sent["body"], sent["values"]) if sent else version_of(editor.saved.revision)


def record_save(
    editor: Editor, user: User, revision: Revision, text: Version, typed: Mapping[str, str]
) -> None:
    """Record the text that a form has saved, for a later save of the same form."""
    if not editor.tab:
        return
    kept = None if is_same_version(text, version_of(revision)) else text
    row = SavedForm(
        user=user,
        tab=editor.tab,
        revision=revision,
        sent={"body": kept.body, "values": dict(kept.values)} if kept else {},
        digest=digest_of(typed),
        saved_at=timezone.now(),
    )
    SavedForm.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["user", "tab"],
        update_fields=["revision", "sent", "digest", "saved_at"],
    )


def forget_copies(response: HttpResponse, editor: Editor) -> None:
    """Tell the browser that its local copies of a form are not needed any more."""
    tabs = {editor.tab, editor.copy} - {""}
    if tabs:
        response.set_cookie(
            SAVED_COOKIE, ".".join(sorted(tabs)), max_age=SAVED_SECONDS, samesite="Lax"
        )
