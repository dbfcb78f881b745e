"""Receivers of signals: log sign-ins, changes of accounts and roles, and what the admin changes."""

from typing import Any

from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.auth.models import AnonymousUser, Group
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from wikico2.accounts.audit import record, requesting_user
from wikico2.accounts.backend import find_account
from wikico2.models import User

LONGEST_NAME = 150
VERBS = {ADDITION: "add", DELETION: "delete"}


@receiver(user_logged_in)
def signed_in(sender: object, user: Any, **kwargs: object) -> None:
    """Log a sign-in."""
    record("account.sign_in", user, user)


@receiver(user_logged_out)
def signed_out(sender: object, user: Any, **kwargs: object) -> None:
    """Log a sign-out."""
    if user is not None:
        record("account.sign_out", user, user)


@receiver(user_login_failed)
def sign_in_failed(sender: object, credentials: dict[str, Any], **kwargs: object) -> None:
    """Log a refused sign-in to an account; any other name may be a password in the wrong field."""
    name = str(credentials.get("username", ""))[:LONGEST_NAME].replace("\0", "")
    record("account.sign_in_failed", find_account(name), AnonymousUser())


@receiver(post_save, sender=User)
def account_is_saved(sender: object, instance: User, created: bool, **kwargs: object) -> None:
    """Log a new account."""
    if created and not kwargs.get("raw"):
        record("account.add", instance)


@receiver(post_delete, sender=User)
def account_is_deleted(sender: object, instance: User, **kwargs: object) -> None:
    """Log a deleted account."""
    myself = requesting_user() == instance  # who is gone cannot be referred to
    record("account.delete", instance, AnonymousUser() if myself else None)


@receiver(m2m_changed, sender=User.groups.through)
def roles_changed(
    sender: object, instance: Any, action: str, pk_set: set[int] | None, **kwargs: object
) -> None:
    """Log the roles that an account gets and loses."""
    verbs = {"post_add": "give", "post_remove": "take", "pre_clear": "clear"}
    if action in verbs and isinstance(instance, User):
        groups = Group.objects.filter(pk__in=pk_set) if pk_set else instance.groups.all()
        names = sorted(groups.values_list("name", flat=True))
        if names:
            record(f"role.{verbs[action]}", instance, roles=names)


@receiver(post_save, sender=LogEntry)
def admin_has_changed(sender: object, instance: LogEntry, created: bool, **kwargs: object) -> None:
    """Log what was changed in the administration."""
    if created:
        model = instance.content_type.model_class() if instance.content_type else None
        number = str(instance.object_id or "")
        record(
            f"admin.{VERBS.get(instance.action_flag, 'change')}",
            user=instance.user,
            model=model._meta.label_lower if model else "",
            number=number[:40],
            label=instance.object_repr,
            changes=instance.get_change_message()[:1_000],
        )
