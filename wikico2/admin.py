"""Accounts and their roles in the Django admin."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from wikico2.admin_site import AdminGroup
from wikico2.models import User


@admin.register(User)
class AccountAdmin(UserAdmin[User]):
    """User accounts; only a superuser may edit or create a superuser."""

    group = AdminGroup.PEOPLE
    list_display = ("username", "first_name", "last_name", "email", "is_active", "last_login")
    list_filter = ("is_active", "groups")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and not outranks_user(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and not outranks_user(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if is_superuser(request):
            return ("last_login", "date_joined")
        return ("last_login", "date_joined", "is_superuser", "user_permissions")


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """The roles; what each may is set by the program, and added to by a superuser only."""

    group = AdminGroup.PEOPLE
    list_display = ("name",)


def is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def outranks_user(request: HttpRequest, account: User | None) -> bool:
    """Tell whether the account is a superuser while the requesting user is not."""
    return account is not None and account.is_superuser and not is_superuser(request)
