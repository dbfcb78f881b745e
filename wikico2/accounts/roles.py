"""Three of the five roles, as groups whose permissions are updated after each migration."""

from typing import Any

from django.utils.translation import gettext_noop

CONTRIBUTOR = gettext_noop("Utilisateur")
EXPERT = gettext_noop("Expert CO2")
ADMINISTRATOR = gettext_noop("Administrateur")

CONTRIBUTOR_MAY = {
    "ingestion.add_document",
    "ingestion.change_document",
    "ingestion.view_document",
    "sheets.add_sheet",
    "sheets.change_sheet",
    "sheets.view_sheet",
    "sheets.add_proposal",
    "sheets.view_proposal",
}
EXPERT_MAY = CONTRIBUTOR_MAY | {"sheets.validate_sheet", "sheets.change_proposal"}
ADMINISTRATOR_MAY = EXPERT_MAY | {
    "sheets.publish_sheet",
    "ingestion.delete_document",
    *(
        f"sheets.{verb}_{model}"
        for verb in ("add", "change", "view", "delete")
        for model in ("sheettype", "section", "field")
    ),
    *(f"ingestion.{verb}_synonyms" for verb in ("add", "change", "view", "delete")),
    "sheets.view_revision",
    "sheets.view_generation",
    "sheets.view_citation",
    "ingestion.view_page",
    "ingestion.view_chunk",
    "wikico2.add_queuepause",
    "wikico2.delete_queuepause",
    "ingestion.view_sourceimport",
    "wikico2.add_user",
    "wikico2.change_user",
    "wikico2.view_user",
}
ROLES = {
    CONTRIBUTOR: CONTRIBUTOR_MAY,
    EXPERT: EXPERT_MAY,
    ADMINISTRATOR: ADMINISTRATOR_MAY,
}


def ensure_roles(**kwargs: Any) -> None:
    """Create the groups and add missing permissions; keep those an operator added."""
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    if "app_config" in kwargs:  # our signal handler runs before that of `auth`
        create_permissions(kwargs["app_config"], verbosity=0)
    by_name = {
        f"{p.content_type.app_label}.{p.codename}": p
        for p in Permission.objects.select_related("content_type")
    }
    for name, wanted in ROLES.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.add(*(by_name[key] for key in wanted if key in by_name))
