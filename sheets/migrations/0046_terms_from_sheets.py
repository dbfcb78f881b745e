"""Make rows of the categories, systems and sectors that sheets name.

Until now they were free text. The index of a sheet holds its category and its system as plain text;
sectors are read from the key facts of its current version. Each sheet's index gets the name of the
row, so that two spellings of one category are one in lists.
"""

import re
import unicodedata
from typing import Any

from django.db import migrations

SECTOR_KEYS = ("secteur", "secteurs", "sous_secteurs")
MARKER = re.compile(r"\[\^[^\[\]\s]{1,40}\]")
MOST = 50


def folded(name: str) -> str:
    """Return a name without case and accents."""
    plain = name.replace("œ", "oe").replace("Œ", "oe").replace("æ", "ae").replace("’", "'")
    letters = unicodedata.normalize("NFKD", plain)
    bare = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(bare.lower().split())[:250]


def shown(part: str) -> str:
    """Return a part of a key fact as plain text on one line."""
    return " ".join(MARKER.sub("", part).replace("\\", "").split()).strip(" .,;*_")[:200].strip()


def fill(apps: Any, schema_editor: Any) -> None:
    """Create the terms, and tell which sheets bear them."""
    terms = apps.get_model("sheets", "VocabularyTerm").objects
    searched = apps.get_model("sheets", "SearchedSheet").objects
    known: dict[tuple[str, str], Any] = {}

    def term(kind: str, name: str) -> Any:
        key = (kind, folded(name))
        if key not in known:
            known[key] = terms.get_or_create(kind=kind, folded=key[1], defaults={"name": name})[0]
        return known[key]

    rows = searched.select_related("revision").order_by("pk")
    rows = rows.only("category_name", "system_name", "revision__metadata")
    for row in rows.iterator(chunk_size=500):
        borne = []
        names = {}
        for kind, column in (("category", "category_name"), ("system", "system_name")):
            if folded(name := shown(getattr(row, column))):
                found = term(kind, name)
                borne.append(found)
                names[column] = found.name
        header = row.revision.metadata if row.revision else {}
        for key in SECTOR_KEYS:
            for part in re.split("[,;]", str(header.get(key, "")))[:MOST]:
                if folded(name := shown(part)):
                    borne.append(term("sector", name))
        for one in dict.fromkeys(borne):
            one.sheets.add(row.pk)
        if any(getattr(row, column) != name for column, name in names.items()):
            searched.filter(pk=row.pk).update(**names)


class Migration(migrations.Migration):
    dependencies = [("sheets", "0045_vocabulary_and_bulk_actions")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
