"""Give the role Lecteur to the accounts that had no group: until now they read everything."""

from typing import Any

from django.db import migrations


def give_role(apps: Any, schema_editor: Any) -> None:
    """Add the active accounts without a group to the group Lecteur; later ones get none."""
    users = apps.get_model("wikico2", "User")
    without = users.objects.filter(groups=None, is_superuser=False, is_active=True)
    if without.exists():
        group, _created = apps.get_model("auth", "Group").objects.get_or_create(name="Lecteur")
        group.user_set.add(*without)


class Migration(migrations.Migration):
    dependencies = [
        ("sheets", "0033_dropped_statements"),
        ("wikico2", "0006_rights_and_audit"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(give_role, migrations.RunPython.noop)]
