"""Check passwords with a bound on guesses; load the user and their rights in one query."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Q
from django.http import HttpRequest

from wikico2.accounts.attempts import (
    SignInBlocked,
    account_key,
    address_key,
    count_sign_in,
    take_back,
)
from wikico2.models import User
from wikico2.parameters import client_address

COLUMNS = [field.attname for field in User._meta.concrete_fields]
READ = """
    SELECT {columns}, CASE WHEN is_superuser OR NOT is_active THEN NULL ELSE ARRAY(
        SELECT c.app_label || '.' || p.codename
        FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
        WHERE p.id IN (
            SELECT permission_id FROM wikico2_user_user_permissions WHERE user_id = u.id
            UNION ALL
            SELECT gp.permission_id FROM wikico2_user_groups ug
            JOIN auth_group_permissions gp ON gp.group_id = ug.group_id WHERE ug.user_id = u.id
        )
    ) END, (SELECT count(*) FROM wikico2_notification n
            WHERE n.user_id = u.id AND n.seen_at IS NULL),
    EXISTS (SELECT FROM mfa_authenticator a WHERE a.user_id = u.id AND a.type = 'totp')
    FROM wikico2_user u WHERE id = %s
""".format(columns=", ".join(f'u."{name}"' for name in COLUMNS))  # noqa: S608 (our own columns)


def find_account(name: str) -> User | None:
    """Return the account of a name, or else of an e-mail address that only one account has."""
    exact = User.objects.filter(username=User.normalize_username(name)).first()
    if exact or "@" not in name:
        return exact
    found = User.objects.filter(Q(email__iexact=name), is_active=True)[:2]
    return found[0] if len(found) == 1 else None


class Backend(ModelBackend):
    """Django's `ModelBackend`, with a bound on guesses and the user loaded in one query."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the active user of this name or e-mail address and password.

        Where too many sign-ins have failed, `request.sign_in_wait` is set to the seconds until the
        next one is allowed, and PermissionDenied is raised.
        """
        if username is None or password is None:
            return None
        user = find_account(username)
        account = account_key(user, username)
        address = address_key(client_address(request) or "") if request else ""
        try:
            count_sign_in(account, address)
        except SignInBlocked as blocked:
            if request is not None:
                request.sign_in_wait = blocked.seconds  # type: ignore[attr-defined]
            raise PermissionDenied from None
        if user is None:
            User().set_password(password)  # as long as for an account, so that no name is told
            return None
        if not user.check_password(password) or not self.user_can_authenticate(user):
            return None
        take_back(account, address)
        return user

    def get_user(self, user_id: int) -> User | None:
        """Return the user with their permissions; None when unknown or inactive."""
        with connection.cursor() as cursor:
            cursor.execute(READ, [user_id])
            row = cursor.fetchone()
        if row is None:
            return None
        *values, permissions, unread, second_factor = row
        user = User.from_db(connection.alias, COLUMNS, values)
        user.unread_notifications = unread
        user.has_second_factor = second_factor
        if permissions is not None:
            user._perm_cache = set(permissions)  # type: ignore[attr-defined]  # Django's own cache
        return user if self.user_can_authenticate(user) else None
