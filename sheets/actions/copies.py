"""Make a new sheet from another one: its plan alone, or its text with its citations."""

from django.db import transaction

from sheets.generation.request import create_sheet
from sheets.markdown.scanner import scan
from sheets.merge import Version
from sheets.models import Sheet
from sheets.revisions.edit import save_edit
from sheets.revisions.versions import version_of
from wikico2.accounts.rules import check
from wikico2.models import User


@transaction.atomic
def copy_sheet(sheet: Sheet, title: str, user: User, *, with_text: bool) -> Sheet:
    """Return a new sheet with the plan of another, and with its text if `with_text`.

    It draws on the same sources and is a draft of its own: neither state nor validation is copied.
    Raises PermissionDenied, and UserError("title_taken").
    """
    check(user, "sheet.create")
    copy = create_sheet(sheet.sheet_type, title, user)
    copy.documents.set(sheet.documents.all())
    if sheet.current:
        whole = version_of(sheet.current)
        text = whole if with_text else Version(plan_of(whole.body))
        if text.body.strip():
            save_edit(copy, user, base=None, text=text)
    return copy


def plan_of(body: str) -> str:
    """Return the headings of a body, as they are written."""
    document = scan(body)
    headings = [block for block in document.blocks if block.kind == "heading"]
    return "".join(f"{document.source(b.start, b.end).strip()}\n\n" for b in headings)
