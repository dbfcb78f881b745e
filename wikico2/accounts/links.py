"""The signed links by which people come in: invitations, and the confirmation of an address."""

from typing import Any

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.crypto import salted_hmac

from wikico2.models import User

INVITATION, ADDRESS = "wikico2.invitation", "wikico2.address"
ADDRESS_DAYS = 3
DAY = 24 * 3600


def invitation_link(user: User, *, mailed: bool = False) -> str:
    """Return the address where an invited person chooses a password.

    Who follows a link that was `mailed` has shown that the address is theirs.
    """
    signed = signing.dumps([user.pk, _invited_at(user), mailed], salt=INVITATION)
    return settings.SITE_URL + reverse("invitation", args=[signed])


def invited_by_link(signed: str) -> tuple[User, bool] | None:
    """Return the account that a link invites, and whether it was mailed; None if not valid.

    A link ends with the next invitation of the account, with its first password, or in time.
    """
    given = _read(signed, INVITATION, settings.INVITATION_DAYS)
    if given is None:
        return None
    pk, at, mailed = given
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None or not user.is_invited or _invited_at(user) != at:
        return None
    return user, bool(mailed)


def address_link(user: User, address: str) -> str:
    """Return the link by which the owner of an account confirms a new e-mail address."""
    signed = signing.dumps([user.pk, address, _standing(user)], salt=ADDRESS)
    return settings.SITE_URL + reverse("address_confirm", args=[signed])


def confirmed_address(user: User, signed: str) -> str | None:
    """Return the e-mail address that a link confirms for this account; None if not valid."""
    given = _read(signed, ADDRESS, ADDRESS_DAYS)
    if given is None:
        return None
    pk, address, standing = given
    return str(address) if (pk, standing) == (user.pk, _standing(user)) else None


def _read(signed: str, salt: str, days: int) -> list[Any] | None:
    """Return the three values of a link made here at most so many days ago, or None."""
    try:
        values = signing.loads(signed, salt=salt, max_age=days * DAY)
    except (signing.BadSignature, ValueError):
        return None
    return values if isinstance(values, list) and len(values) == 3 else None


def _invited_at(user: User) -> str:
    return user.invited_at.isoformat() if user.invited_at else ""


def _standing(user: User) -> str:
    """Return a hash of what ends a link when it changes: the password and the address so far."""
    return salted_hmac(ADDRESS, f"{user.password}{user.email}").hexdigest()[:20]
