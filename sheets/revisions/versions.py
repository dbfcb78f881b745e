"""Convert revisions of a sheet to versions for the merge."""

from sheets.markdown.compose import compose_sheet
from sheets.merge import Version
from sheets.models import Revision, Sheet
from sheets.models.schema_loader import load_template


def version_of(revision: Revision | None) -> Version:
    """Return the version of a revision; an empty one for None."""
    return Version(revision.body, revision.metadata) if revision else Version("")


def is_same_version(a: Version, b: Version) -> bool:
    """Tell whether two versions are equal, apart from white space at both ends."""
    return a.body.strip() == b.body.strip() and dict(a.values) == dict(b.values)


def initial_version(sheet: Sheet) -> Version:
    """Return the version that an editor starts from: the current one, or the type's headings."""
    if sheet.current:
        return version_of(sheet.current)
    return Version(*compose_sheet(load_template(sheet.sheet_type), {}, {}))
