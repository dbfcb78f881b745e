"""Take back the validations that nobody has given here: to a version, on the page of the sheet.

Until now only an import wrote who had validated a sheet, and the state "validated" was chosen from a
list. Such sheets are to be validated; what readers see of them stays as it was.
"""

from typing import Any

from django.db import migrations

NOBODY = {"validated_by": None, "validated_at": None, "validated_revision": None}


def take_back(apps: Any, schema_editor: Any) -> None:
    """Write imported validations and states chosen by hand as events, and take them back."""
    sheets = apps.get_model("sheets", "Sheet").objects
    events = apps.get_model("sheets", "SheetEvent").objects
    told = sheets.exclude(validated_by=None, validated_at=None, validated_revision=None)
    for sheet in told.select_related("validated_by", "validated_revision"):
        given = {
            "name": sheet.validated_by.username.removeprefix("importé : ")
            if sheet.validated_by
            else "",
            "date": sheet.validated_at.isoformat() if sheet.validated_at else "",
            "version": sheet.validated_revision.number if sheet.validated_revision else None,
        }
        events.create(sheet=sheet, kind="imported_validation", details=given)
    for sheet in sheets.filter(state="validated"):
        events.create(sheet=sheet, kind="withdraw")
    told.update(**NOBODY)
    sheets.filter(state="validated").update(state="review")


class Migration(migrations.Migration):
    dependencies = [("sheets", "0036_life_of_a_sheet")]

    operations = [migrations.RunPython(take_back, migrations.RunPython.noop)]
