"""Four of the roles, as groups whose permissions follow from the table of rules.

They are updated after each migration. The fifth, the super-administrator, is Django's superuser; an
account without a role may what the public may.
"""

from typing import Any

from django.utils.translation import gettext_noop

from wikico2.accounts.rules import RULES, Role

READER = gettext_noop("Lecteur")
CONTRIBUTOR = gettext_noop("Utilisateur")
EXPERT = gettext_noop("Expert CO2")
ADMINISTRATOR = gettext_noop("Administrateur")

GROUPS = {
    Role.READER: READER,
    Role.CONTRIBUTOR: CONTRIBUTOR,
    Role.EXPERT: EXPERT,
    Role.ADMINISTRATOR: ADMINISTRATOR,
}

# What the pages of the administration ask beside the table.
CONTRIBUTOR_SEES = {"sheets.view_proposal"}
ADMINISTRATOR_SEES = {
    *(
        f"sheets.{verb}_{model}"
        for verb in ("add", "change", "view", "delete")
        for model in ("sheettype", "section", "field")
    ),
    *(f"ingestion.{verb}_synonyms" for verb in ("add", "change", "view", "delete")),
    *(f"sheets.{verb}_vocabularyterm" for verb in ("add", "change", "view", "delete")),
    "sheets.view_spending",
    "sheets.view_revision",
    "sheets.view_generation",
    "sheets.view_citation",
    "sheets.view_prompt",
    "ingestion.view_page",
    "ingestion.view_chunk",
    "wikico2.delete_queuepause",
    "ingestion.view_sourceimport",
    "wikico2.add_user",
    "wikico2.view_user",
}


def role_permissions(role: Role) -> set[str]:
    """Return the permissions that a role holds, those of the roles before it included."""
    held = {rule.permission for rule in RULES.values() if rule.least <= role}
    owned = {
        rule.owner_permission
        for rule in RULES.values()
        if rule.owner is not None and rule.owner <= role
    }
    seen = CONTRIBUTOR_SEES if role >= Role.CONTRIBUTOR else set()
    administered = ADMINISTRATOR_SEES if role >= Role.ADMINISTRATOR else set()
    return (held | owned | seen | administered) - {""}


ROLES = {name: role_permissions(role) for role, name in GROUPS.items()}


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
