"""Name the columns of the first sheet types in English; those that were changed stay French."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ENGLISH = {
    "Actions": "Actions",
    "Impact": "Impact",
    "Lien": "Link",
    "Parade": "Countermeasure",
    "Priorité": "Priority",
    "Risque ou frein": "Risk or obstacle",
    "Résultats": "Results",
    "Résumé": "Summary",
    "Secteur": "Sector",
    "Solutions associées": "Related solutions",
    "Sous-secteur": "Subsector",
    "Système": "System",
    "Titre": "Title",
    "Type": "Type",
}


def name_columns(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fill the English columns of fields where any of them is known."""
    for field in apps.get_model("sheets", "Field").objects.filter(columns_en=[]):
        english = [ENGLISH.get(column, "") for column in field.columns]
        if any(english):
            field.columns_en = english
            field.save(update_fields=["columns_en"])


class Migration(migrations.Migration):
    dependencies = [("sheets", "0022_columns_in_english")]
    operations = [migrations.RunPython(name_columns, migrations.RunPython.noop)]
