"""The second factor of an account: codes of an application (TOTP), and recovery codes.

The rows and the arithmetic are those of `allauth.mfa`; the pages, the bound on guesses and the rule
that a code counts once are ours. A sign-in with a password opens a session that is nobody's until
the code was given (`wikico2.middleware.SecondFactorMiddleware`), so that every door asks for it:
the sign-in page, the administration, the sign-in of the editor, invitations.
"""

import base64
import hashlib

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wikico2.accounts.attempts import address_key, code_key, count_sign_in, take_back
from wikico2.accounts.audit import record
from wikico2.accounts.rules import may
from wikico2.accounts.sessions import SECOND_FACTOR, end_sessions
from wikico2.models import User
from wikico2.parameters import client_address

NEW_SECRET = "new_second_factor"  # noqa: S105 (a key of the session)
LAST_COUNTER = "last_counter"
TYPES = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)


class SecondFactor(models.TextChoices):
    """By what a person was recognised beside a password, or instead of one."""

    APPLICATION = "application", _("second factor")
    RECOVERY = "recovery", _("recovery code")
    ORGANISATION = "organisation", _("account of the organisation")


class SignInStep(models.TextChoices):
    """What a session still owes before it is somebody's."""

    CODE = "code"
    SET_UP = "set_up"


class EncryptingAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # has no types
    """Store secrets encrypted with a key made from SECRET_KEY: a copy of the rows opens nothing."""

    def encrypt(self, text: str) -> str:
        """Return the text encrypted."""
        return self._cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the text; raises InvalidToken where SECRET_KEY is another one."""
        return self._cipher().decrypt(encrypted_text.encode()).decode()

    def _cipher(self) -> Fernet:
        key = hashlib.sha256(b"wikico2.second_factor" + settings.SECRET_KEY.encode()).digest()
        return Fernet(base64.urlsafe_b64encode(key))


def has_second_factor(user: User) -> bool:
    """Tell whether an account has set up a second factor, by a query."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def must_have_second_factor(user: User) -> bool:
    """Tell whether `SECOND_FACTOR_FOR` names the account."""
    match settings.SECOND_FACTOR_FOR:
        case "everyone":
            return True
        case "curators":
            return may(user, "workshop.enter") or user.is_staff
        case "administrators":
            return may(user, "admin.enter") or user.is_staff
    return False


def next_sign_in_step(user: User, session: SessionBase) -> SignInStep | None:
    """Return what the session of an account still owes; None where it is whole.

    Who comes in by the organisation's accounts need not set up a factor here, but is asked for the
    code of one that they did set up.
    """
    given = session.get(SECOND_FACTOR)
    if user.has_second_factor:
        passed = given in (SecondFactor.APPLICATION, SecondFactor.RECOVERY)
        return None if passed else SignInStep.CODE
    if given != SecondFactor.ORGANISATION and must_have_second_factor(user):
        return SignInStep.SET_UP
    return None


def hold_sign_in(request: HttpRequest, user: User) -> SignInStep | None:
    """Treat the request as nobody's if its session still owes a step; return the step.

    `request.signing_in` is the user meanwhile.
    """
    step = next_sign_in_step(user, request.session)
    if step:
        request.signing_in, request.sign_in_step = user, step  # type: ignore[attr-defined]
        request.user = AnonymousUser()
    return step


# --- Codes ----------------------------------------------------------------------------------------


def give_code(request: HttpRequest, user: User, code: str) -> bool:
    """Make the session of the request whole if the code is right; return whether it was.

    Raises SignInBlocked where too many codes, or too many sign-ins from this address, were wrong.
    """
    account, address = code_key(user), address_key(client_address(request) or "")
    count_sign_in(account, address)
    factor = _matching_factor(user, code)
    if factor is None:
        record("account.second_factor_failed", user)
        return False
    take_back(account, address)
    request.session.cycle_key()
    request.session[SECOND_FACTOR] = factor.value
    by_code = factor == SecondFactor.RECOVERY
    record("account.recovery_code" if by_code else "account.second_factor", user, user)
    return True


def is_right_code(user: User, code: str) -> bool:
    """Tell whether the code is right; it is then used up. The caller bounds the guesses."""
    return _matching_factor(user, code) is not None


@transaction.atomic
def _matching_factor(user: User, code: str) -> SecondFactor | None:
    """Return which factor of an account a code belongs to, and use the code up."""
    rows = Authenticator.objects.select_for_update().filter(user=user, type__in=TYPES)
    found = {row.type: row for row in rows.order_by("pk")}
    try:
        if (row := found.get(Authenticator.Type.TOTP)) and _use_counter(row, code):
            return SecondFactor.APPLICATION
        row = found.get(Authenticator.Type.RECOVERY_CODES)
        if row and RecoveryCodes(row).validate_code(code):
            Authenticator.objects.filter(pk=row.pk).update(last_used_at=timezone.now())
            return SecondFactor.RECOVERY
    except InvalidToken:  # SECRET_KEY has changed: an administrator resets the factor
        return None
    return None


def _use_counter(row: Authenticator, code: str) -> bool:
    """Tell whether a code is that of a moment after the last one that was used."""
    counter = _matching_counter(get_adapter().decrypt(row.data["secret"]), code)
    if counter is None or counter <= row.data.get(LAST_COUNTER, 0):
        return False
    row.data[LAST_COUNTER] = counter
    row.last_used_at = timezone.now()
    row.save(update_fields=["data", "last_used_at"])
    return True


def _matching_counter(secret: str, code: str) -> int | None:
    """Return the moment, in periods of 30 s, that a code belongs to, of those that are accepted."""
    for counter in yield_hotp_counters_from_time():
        expected = format_hotp_value(hotp_value(secret, counter))
        if compare_user_code(actual=code, expected=expected):
            return int(counter)
    return None


# --- Setting up, removing -------------------------------------------------------------------------


def new_secret(session: SessionBase) -> str:
    """Return the secret that is being set up in a session, in base 32."""
    if NEW_SECRET not in session:
        session[NEW_SECRET] = generate_totp_secret()
    return str(session[NEW_SECRET])


def secret_picture(user: User, secret: str) -> str:
    """Return the QR code of a secret, as the address of an SVG image."""
    adapter = get_adapter()
    image = adapter.build_totp_svg(adapter.build_totp_url(user, secret))
    return "data:image/svg+xml;base64," + base64.b64encode(image.encode()).decode()


@transaction.atomic
def set_up_second_factor(request: HttpRequest, user: User, code: str) -> list[str] | None:
    """Store the session's secret if the code was made with it; return the recovery codes, or None.

    The other sessions of the account are asked for a code from now on.
    """
    User.objects.select_for_update().get(pk=user.pk)
    counter = _matching_counter(new_secret(request.session), code)
    if counter is None or has_second_factor(user):
        return None
    row = TOTP.activate(user, request.session.pop(NEW_SECRET)).instance
    row.data[LAST_COUNTER] = counter
    row.save(update_fields=["data"])
    request.session.cycle_key()
    request.session[SECOND_FACTOR] = SecondFactor.APPLICATION.value
    record("account.second_factor_set_up", user, user)
    return _new_codes(user)


@transaction.atomic
def new_recovery_codes(user: User) -> list[str]:
    """Return new recovery codes; those of before end."""
    record("account.recovery_codes", user, user)
    return _new_codes(user)


def _new_codes(user: User) -> list[str]:
    """Replace the recovery codes of an account and return them."""
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    return list(RecoveryCodes.activate(user).generate_codes())


def recovery_codes_left(user: User) -> int:
    """Return how many recovery codes of an account have not been used."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    try:
        return len(RecoveryCodes(row).get_unused_codes()) if row else 0
    except InvalidToken:
        return 0


@transaction.atomic
def remove_second_factor(
    user: User, by: User, action: str = "account.second_factor_removed", keep: str | None = None
) -> bool:
    """Remove the second factor of an account with its recovery codes; return whether it had one.

    Its sessions but `keep` end: one may be on a lost telephone, and a session that has given a code
    of this factor would pass for one that has given a code of the next.
    """
    removed, _rows = Authenticator.objects.filter(user=user).delete()
    if removed:
        end_sessions(user, keep=keep)
        record(action, user, by)
    return bool(removed)
