"""Rename the permissions of a renamed model, so that users and groups keep their rights."""

from collections.abc import Mapping

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

VERBS = ("add", "change", "delete", "view")


def rename_permissions(app_label: str, models: Mapping[str, str]) -> migrations.RunPython:
    """Return the operation that renames the permissions of models: {old name: new name}.

    The permission rows stay, so users and groups keep them; only codename and name change.
    """

    def rename(apps: Apps, names: Mapping[str, str]) -> None:
        permissions = apps.get_model("auth", "Permission").objects
        ours = permissions.filter(content_type__app_label=app_label)
        for old, new in names.items():
            for verb in VERBS:
                ours.filter(codename=f"{verb}_{old.lower()}").update(
                    codename=f"{verb}_{new.lower()}", name=f"Can {verb} {new}"
                )

    def forwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        rename(apps, models)

    def backwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        rename(apps, {new: old for old, new in models.items()})

    return migrations.RunPython(forwards, backwards)
