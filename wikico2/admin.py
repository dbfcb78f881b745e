"""Accounts and their roles in the Django admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse

from wikico2.accounts.forms import SignInForm
from wikico2.admin_site import AdminGroup
from wikico2.models import User

admin.site.login_form = SignInForm  # Django's own refuses who is not marked as staff


@admin.register(User)
class AccountAdmin(UserAdmin[User]):
    """User accounts; only a superuser may edit or create a superuser."""

    group = AdminGroup.PEOPLE
    list_display = ("username", "first_name", "last_name", "email", "is_active", "last_login")
    list_filter = ("is_active", "groups")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Have the owner of a new account change the password that somebody else has chosen."""
        if not change and obj.has_usable_password():
            obj.must_change_password = True
        super().save_model(request, obj, form, change)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Set a password for somebody else, who has to change it at the next sign-in."""
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302 and id != str(request.user.pk):
            User.objects.filter(pk=id).update(must_change_password=True)
        return response

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
