"""Accounts in the administration: who they are, and which role they have."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from wikico2.models import User


@admin.register(User)
class AccountAdmin(UserAdmin[User]):
    """People; only a super-administrator makes another."""

    list_display = ("username", "first_name", "last_name", "email", "is_active", "last_login")
    list_filter = ("is_active", "groups")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if isinstance(request.user, User) and request.user.is_superuser:
            return ("last_login", "date_joined")
        return ("last_login", "date_joined", "is_superuser", "user_permissions")
