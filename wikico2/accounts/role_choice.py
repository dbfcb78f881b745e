"""The role of an account, as one choice.

The roles are the groups of `wikico2.accounts.roles` and Django's superuser. An account has one of
them, or none.
"""

from typing import Any

from django.contrib.auth.models import Group
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from wikico2.accounts import roles
from wikico2.accounts.rules import may
from wikico2.models import User


class RoleChoice(models.TextChoices):
    """The roles, from the least; what each may do stands in `docs/wiki.md`."""

    NONE = "", _("No role")
    READER = "reader", _("Reader")
    CONTRIBUTOR = "contributor", _("Contributor")
    EXPERT = "expert", _("CO2 expert")
    ADMINISTRATOR = "administrator", _("Administrator")
    SUPERUSER = "superuser", _("Super-administrator")


GROUPS = {RoleChoice[role.name]: group for role, group in roles.GROUPS.items()}
HINTS = {
    RoleChoice.NONE: _("sees what the public sees"),
    RoleChoice.READER: _("reads drafts and internal sources"),
    RoleChoice.CONTRIBUTOR: _("adds sources, creates, edits and proposes"),
    RoleChoice.EXPERT: _("validates sheets, accepts and refuses proposals"),
    RoleChoice.ADMINISTRATOR: _("publishes, archives, curates types, sources and people"),
    RoleChoice.SUPERUSER: _("everything, deleting included"),
}


def role_of(user: User) -> RoleChoice:
    """Return the highest role of an account; its groups may be prefetched."""
    if user.is_superuser:
        return RoleChoice.SUPERUSER
    names = {group.name for group in user.groups.all()}
    held = [role for role, name in GROUPS.items() if name in names]
    return held[-1] if held else RoleChoice.NONE


@transaction.atomic
def set_role(user: User, role: RoleChoice) -> None:
    """Give an account a role and take the others away; groups of the operator's own stay."""
    user.groups.remove(*Group.objects.filter(name__in=GROUPS.values()))
    if role in GROUPS:
        user.groups.add(Group.objects.get_or_create(name=GROUPS[role])[0])
    user.is_superuser = role == RoleChoice.SUPERUSER
    user.is_staff = role in (RoleChoice.ADMINISTRATOR, RoleChoice.SUPERUSER)
    user.save(update_fields=["is_superuser", "is_staff"])


def grantable_roles(user: Any) -> list[RoleChoice]:
    """Return the roles that `user` may give: only a superuser makes another one."""
    return [role for role in RoleChoice if role != RoleChoice.SUPERUSER or user.is_superuser]


def may_manage(user: Any, account: User) -> bool:
    """Tell whether `user` may change the role and the access of an account: never of their own."""
    if user.pk == account.pk or not may(user, "people.curate"):
        return False
    return bool(user.is_superuser or not account.is_superuser)
