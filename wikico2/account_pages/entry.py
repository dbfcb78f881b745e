"""The ways in: signing in, an invitation, a new password for a forgotten one."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import LoginView, PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from wikico2.account_pages.preferences import store_preferences
from wikico2.accounts.attempts import (
    SignInBlocked,
    address_key,
    count_sign_in,
    request_key,
    unlock_accounts,
)
from wikico2.accounts.forms import (
    FirstPasswordForm,
    ForgottenPasswordForm,
    NewPasswordForm,
    SignInForm,
)
from wikico2.accounts.identities import organisation_name
from wikico2.accounts.links import invited_by_link
from wikico2.accounts.sessions import end_sessions
from wikico2.mail import is_mail_configured, mail_account
from wikico2.models import User
from wikico2.parameters import client_address


class SignInView(LoginView):
    """Sign in, and take on the language and the appearance of the account."""

    authentication_form = SignInForm
    extra_context = {"mail": is_mail_configured, "organisation": organisation_name}

    def form_valid(self, form: Any) -> HttpResponse:
        """Sign in who gave the right password."""
        response = super().form_valid(form)
        store_preferences(response, form.get_user())
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again; the status tells programs that they have to wait."""
        response = super().form_invalid(form)
        if seconds := getattr(self.request, "sign_in_wait", 0):
            response.status_code = 429
            response.headers["Retry-After"] = str(seconds)
        return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, signed: str) -> HttpResponse:
    """Let an invited person choose a name and a password, and sign them in."""
    found = invited_by_link(signed)
    if found is None:
        return render(request, "accounts/link_ended.html", {"what": "invitation"}, status=410)
    user, mailed = found
    form = FirstPasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        if mailed:
            user.email_verified_at = timezone.now()
        user.must_change_password = False
        form.save()
        login(request, user)
        messages.success(request, _("Welcome. Your account is ready."))
        return redirect("account")
    status = 422 if form.errors else 200
    return render(
        request, "accounts/invitation.html", {"form": form, "person": user}, status=status
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten_password(request: HttpRequest) -> HttpResponse:
    """Send a link to choose a new password, if the address is that of an account.

    The answer is the same whether there is such an account or not.
    """
    form = ForgottenPasswordForm(request.POST or None)
    mail = is_mail_configured()
    if request.method == "POST" and mail and form.is_valid():
        send_reset_links(request, form)
        return redirect("password_reset_done")
    context = {"form": form, "mail": mail}
    status = 422 if form.errors else 200
    return render(request, "accounts/forgotten.html", context, status=status)


def send_reset_links(request: HttpRequest, form: ForgottenPasswordForm) -> None:
    """Queue the e-mails, unless too many were asked for this address or from this client."""
    try:
        count_sign_in(
            request_key("reset", form.cleaned_data["email"].casefold()),
            address_key(f"reset {client_address(request)}"),
        )
    except SignInBlocked:
        return
    for user in form.accounts():
        encoded = urlsafe_base64_encode(force_bytes(user.pk))
        token = default_token_generator.make_token(user)
        link = settings.SITE_URL + reverse("password_reset_confirm", args=[encoded, token])
        mail_account(user, "accounts/mail_reset.txt", link=link)


@require_safe
def forgotten_password_sent(request: HttpRequest) -> HttpResponse:
    """Tell that a link is on its way."""
    return render(request, "accounts/forgotten_sent.html")


class NewPasswordView(PasswordResetConfirmView):
    """Choose a new password by a link that was sent; all sessions end, a lock is taken off."""

    form_class = NewPasswordForm
    template_name = "accounts/new_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        """Store the password."""
        user: User = form.user
        user.must_change_password = False
        response = super().form_valid(form)
        unlock_accounts([user])
        end_sessions(user)
        messages.success(self.request, _("Your new password is set: sign in with it."))
        return response
