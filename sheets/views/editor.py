"""The state of an open editor: its target, its draft, and the other editors."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from sheets.forms.edit import EditForm, initial_of
from sheets.markdown.sections_edit import section_headings
from sheets.merge import Version
from sheets.models import EditDraft, Revision, Sheet
from sheets.models.schema_loader import load_template
from sheets.rendering.labels import Label, reader_label
from sheets.revisions.versions import initial_version, version_of
from sheets.schema.types import SheetTemplate
from wikico2.models import User
from wikico2.parameters import LARGEST_NUMBER, whole_number

REPEATED = re.compile(r"-\d+$")
EMPTY_DRAFT_RETENTION = dt.timedelta(days=1)


@dataclass(frozen=True)
class Editor:
    """An editor of a sheet or one of its sections; `base` is the revision it started from."""

    sheet: Sheet
    template: SheetTemplate
    section: str
    heading: Label
    base: Revision | None
    start: Version

    @property
    def address(self) -> str:
        """Return the URL of the editor."""
        address = reverse("sheet_edit", args=[self.sheet.slug])
        return f"{address}?section={self.section}" if self.section else address

    @property
    def back(self) -> str:
        """Return the URL of the edited section on the sheet's page."""
        return self.sheet.get_absolute_url() + (f"#{self.section}" if self.section else "")

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
    return open_editor(sheet, request.POST.get("section", "")[:200], sent_base(request, sheet))


def sent_base(request: HttpRequest, sheet: Sheet) -> Revision | None:
    """Return the base revision of a submitted form, or None."""
    number = whole_number(request.POST.get("base", ""), LARGEST_NUMBER)
    if number is None:
        return None
    if sheet.current and sheet.current.number == number:
        return sheet.current
    return sheet.revisions.filter(number=number).first()


def require_may_edit(request: HttpRequest) -> None:
    """Raise PermissionDenied unless the user may edit."""
    if not request.user.has_perm("sheets.change_sheet"):
        raise PermissionDenied


def other_editors(editor: Editor, user: Any) -> list[str]:
    """Return the sorted names of the other users who are editing the same sheet."""
    rows = editor.sheet.drafts.active().exclude(user=user).select_related("user")
    return sorted({str(row.user) for row in rows})


def record_activity(editor: Editor, user: User) -> None:
    """Record that the user has the editor open, and delete old empty drafts."""
    EditDraft.objects.filter(typed={}, seen_at__lt=timezone.now() - EMPTY_DRAFT_RETENTION).delete()
    EditDraft.objects.update_or_create(
        sheet=editor.sheet,
        user=user,
        section=editor.section,
        defaults={"seen_at": timezone.now()},
        create_defaults={"seen_at": timezone.now(), "base": editor.base},
    )


def save_draft(editor: Editor, user: User, typed: dict[str, str]) -> None:
    """Store the input as a draft; an empty one if it is unchanged from the sheet."""
    now = timezone.now()
    fields = editor.form().initial
    changed = any(str(fields.get(k) or "") != v for k, v in typed.items() if k != "base")
    EditDraft.objects.update_or_create(
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


def delete_draft(editor: Editor, user: User) -> None:
    """Delete the draft, after it was saved or discarded."""
    EditDraft.objects.filter(sheet=editor.sheet, user=user, section=editor.section).delete()
