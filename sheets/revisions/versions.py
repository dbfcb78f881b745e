"""Versions of a sheet, read from its revisions."""

from sheets.markdown.compose import compose_sheet
from sheets.merge import Version
from sheets.models import Revision, Sheet
from sheets.models.schema_loader import load_template


def version_of(revision: Revision | None) -> Version:
    """Return what a revision says; nothing for none."""
    return Version(revision.body, revision.metadata) if revision else Version("")


def is_same_version(a: Version, b: Version) -> bool:
    """Tell whether two versions say the same, blanks at either end apart."""
    return a.body.strip() == b.body.strip() and dict(a.values) == dict(b.values)


def initial_version(sheet: Sheet) -> Version:
    """Return what an editor begins with: the sheet as it is, or the headings of its type."""
    if sheet.current:
        return version_of(sheet.current)
    return Version(*compose_sheet(load_template(sheet.sheet_type), {}, {}))
