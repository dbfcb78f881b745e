"""One's own account: name, language, appearance, address, password, sessions."""

from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from wikico2.account_pages.preferences import clear_preferences, store_preferences
from wikico2.accounts.forms import MailAddressForm, OwnPasswordForm, ProfileForm
from wikico2.accounts.links import address_link, confirmed_address
from wikico2.accounts.role_choice import HINTS, role_of
from wikico2.accounts.second_factor import SecondFactor, must_have_second_factor
from wikico2.accounts.sessions import end_sessions, own_sessions
from wikico2.mail import is_mail_configured, mail_account
from wikico2.models import User
from wikico2.parameters import return_address


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show one's own account; store the profile on POST."""
    user = cast("User", request.user)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        response = redirect("account")
        store_preferences(response, user)
        clear_preferences(response, user)
        with translation.override(user.language or translation.get_language()):
            messages.success(request, _("Your account is saved."))
        return response
    if form.errors:
        user.refresh_from_db()
    return show_account(request, profile=form)


def show_account(
    request: HttpRequest,
    profile: ProfileForm | None = None,
    address: MailAddressForm | None = None,
) -> HttpResponse:
    """Render one's own account, with the form that was refused, if any."""
    user = cast("User", request.user)
    role = role_of(user)
    context = {
        "form": profile or ProfileForm(instance=user),
        "address_form": address or MailAddressForm(user, auto_id="address_%s"),
        "address_refused": address is not None,
        "address_is_theirs": is_address_theirs(),
        "role": role,
        "role_hint": HINTS[role],
        "sessions": own_sessions(user, request.session.session_key),
        "factors": dict(SecondFactor.choices),
        "has_password": user.has_usable_password(),
        "second_factor_asked": must_have_second_factor(user),
        "mail": is_mail_configured(),
    }
    refused = (profile and profile.errors) or address
    return render(request, "accounts/account.html", context, status=422 if refused else 200)


def is_address_theirs() -> bool:
    """Tell whether people change the address of their own account.

    An organisation's identity opens the account that has its address: where no e-mail can confirm
    one, a member could otherwise lay claim to a colleague's who has not come yet.
    """
    return is_mail_configured() or not settings.OIDC_ISSUER


class OwnPasswordView(PasswordChangeView):
    """Change one's own password; all other sessions of the account end."""

    form_class = OwnPasswordForm
    template_name = "accounts/password.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Tell whether it is asked for, and where the person wanted to go."""
        wanted = self.request.POST.get("next", self.request.GET.get("next", ""))
        return super().get_context_data(next=wanted, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Store the password and go on to the page that was asked for."""
        user = cast("User", self.request.user)
        form.user.must_change_password = False
        form.save()
        end_sessions(user, keep=self.request.session.session_key)
        update_session_auth_hash(self.request, form.user)
        messages.success(
            self.request, _("Your password is changed. Your other sessions have ended.")
        )
        return redirect(return_address(self.request) or "account")


@sensitive_post_parameters("password")
@login_required
@require_POST
def address_change(request: HttpRequest) -> HttpResponse:
    """Send a link to the new address; it counts once the link was followed.

    A site that sends no e-mail cannot ask for that: the address is stored as it is, or refused.
    """
    if not is_address_theirs():
        raise PermissionDenied
    user = cast("User", request.user)
    form = MailAddressForm(user, request.POST, auto_id="address_%s")
    if not form.is_valid():
        return show_account(request, address=form)
    address = form.cleaned_data["email"]
    if is_mail_configured():
        link = address_link(user, address)
        mail_account(user, "accounts/mail_address.txt", to=address, link=link)
        messages.info(
            request,
            _("A link was sent to %(address)s: your address is changed once you have followed it.")
            % {"address": address},
        )
    else:
        user.email, user.email_verified_at = address, None
        user.save(update_fields=["email", "email_verified_at"])
        messages.success(request, _("Your address is changed."))
    return redirect("account")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def address_confirm(request: HttpRequest, signed: str) -> HttpResponse:
    """Store the address that a link confirms, once its owner says so: some programs open links."""
    user = cast("User", request.user)
    address = confirmed_address(user, signed)
    if address is None:
        return render(request, "accounts/link_ended.html", {"what": "address"}, status=410)
    if request.method == "POST":
        user.email, user.email_verified_at = address, timezone.now()
        user.save(update_fields=["email", "email_verified_at"])
        messages.success(request, _("Your address is confirmed."))
        return redirect("account")
    return render(request, "accounts/address_confirm.html", {"address": address})


@login_required
@require_POST
def sessions_end(request: HttpRequest) -> HttpResponse:
    """End one of one's own sessions, or all but this one."""
    user = cast("User", request.user)
    current = request.session.session_key
    mark = request.POST.get("session", "")[:40]
    count = end_sessions(user, mark=mark, keep=current)
    if count:
        messages.success(request, _("Signed out there."))
    else:
        messages.info(request, _("There was no other session to end."))
    return redirect(reverse("account") + "#sessions")
