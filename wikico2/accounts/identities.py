"""Accounts of an organisation (OpenID Connect): which account here an identity there opens.

The link is a `SocialAccount` of django-allauth: the issuer's address, and the subject that it has
vouched for. Nothing else of what the provider says is kept.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from wikico2.accounts.audit import record
from wikico2.accounts.forms import free_username
from wikico2.accounts.role_choice import GROUPS, RoleChoice, set_role
from wikico2.models import User

LONGEST_SUBJECT, LONGEST_ISSUER, LONGEST_NAME, LONGEST_EMAIL = 191, 200, 150, 254


class IdentityRefused(Exception):
    """No account can be opened; the text is a sentence for the person."""


def organisation_name() -> str:
    """Return what stands on the button of the organisation; "" where none is configured."""
    if not settings.OIDC_ISSUER:
        return ""
    return str(settings.OIDC_NAME or _("Log in with your organisation's account"))


@transaction.atomic
def account_of_identity(claims: Mapping[str, Any]) -> User:
    """Return the account of an identity that the provider has vouched for; link or create it.

    An account with the same e-mail address is linked only if the provider says that the address is
    verified. Raises IdentityRefused.
    """
    subject, issuer = _key_of(claims)
    with connection.cursor() as cursor:  # one first sign-in of an identity at a time
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{issuer} {subject}"])
    link = SocialAccount.objects.filter(provider=issuer, uid=subject).select_related("user").first()
    user: User | None = link.user if link else None
    if user is None:
        user = _known_by_address(claims) or _create(claims)
        SocialAccount.objects.create(user=user, provider=issuer, uid=subject)
        record("account.link", user, user)
    if user.is_invited:  # who was invited has come
        user.invited_at = None
        user.save(update_fields=["invited_at"])
    if not user.is_active:
        raise IdentityRefused(_("Your account here is deactivated: ask an administrator."))
    return user


def _key_of(claims: Mapping[str, Any]) -> tuple[str, str]:
    """Return the subject and the issuer, as they are stored."""
    subject = str(claims["sub"])
    if len(subject) > LONGEST_SUBJECT or "\0" in subject:
        subject = hashlib.sha256(subject.encode()).hexdigest()
    return subject, settings.OIDC_ISSUER[:LONGEST_ISSUER]


def _known_by_address(claims: Mapping[str, Any]) -> User | None:
    """Return the account that an identity's e-mail address belongs to; it is then confirmed."""
    email = _address_of(claims)
    found = list(User.objects.filter(email__iexact=email)[:2]) if email else []
    if not found:
        return None
    if not _is_verified(claims) or len(found) > 1:
        raise IdentityRefused(
            _(
                "An account with your address exists here, and your organisation does not confirm"
                " that the address is yours: ask an administrator."
            )
        )
    user = found[0]
    user.email_verified_at = user.email_verified_at or timezone.now()
    user.save(update_fields=["email_verified_at"])
    return user


def _create(claims: Mapping[str, Any]) -> User:
    """Create the account of who comes for the first time, with the role that a claim gives."""
    email = _address_of(claims)
    user = User(
        username=free_username(_text(claims, "preferred_username") or email.partition("@")[0]),
        email=User.objects.normalize_email(email),
        first_name=_text(claims, "given_name"),
        last_name=_text(claims, "family_name"),
    )
    if email and _is_verified(claims):
        user.email_verified_at = timezone.now()
    user.set_unusable_password()
    user.save()
    set_role(user, role_of_claims(claims))
    return user


def _is_verified(claims: Mapping[str, Any]) -> bool:
    """Tell whether the provider says that the address is verified; some say it as text."""
    return claims.get("email_verified") is True or claims.get("email_verified") == "true"


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.replace("\0", "")[:LONGEST_NAME] if isinstance(value, str) else ""


def _address_of(claims: Mapping[str, Any]) -> str:
    """Return the e-mail address of an identity; "" where it has none that is well formed."""
    email = claims.get("email")
    if not isinstance(email, str) or len(email) > LONGEST_EMAIL:
        return ""
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email


def role_of_claims(claims: Mapping[str, Any]) -> RoleChoice:
    """Return the highest role that `OIDC_ROLES` gives for the values of `OIDC_ROLE_CLAIM`."""
    found: Any = claims if settings.OIDC_ROLE_CLAIM else None
    for step in settings.OIDC_ROLE_CLAIM.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    values = {str(one) for one in (found if isinstance(found, list) else [found])}
    pairs = [one.rpartition(":") for one in settings.OIDC_ROLES]
    given = {role for value, _colon, role in pairs if value in values}
    held = [role for role in GROUPS if role.value in given]
    return held[-1] if held else RoleChoice.NONE
