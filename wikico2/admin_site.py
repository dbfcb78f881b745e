"""The administration's site: who enters it, the table of rules says."""

from django.contrib.admin import AdminSite
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest

from wikico2.accounts.rules import may


class WikiAdminSite(AdminSite):
    """The site of the Django admin, open to administrators and to accounts marked as staff."""

    login_form = AuthenticationForm  # Django's own refuses who is not marked as staff

    def has_permission(self, request: HttpRequest) -> bool:
        staff = request.user.is_active and request.user.is_staff  # an operator's own choice
        return bool(staff or may(request.user, "admin.enter"))
