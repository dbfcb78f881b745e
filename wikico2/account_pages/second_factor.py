"""The pages of the second factor: the code at sign-in, setting it up, recovery codes, removing."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from wikico2.account_pages.preferences import store_preferences
from wikico2.accounts.attempts import (
    SignInBlocked,
    account_key,
    address_key,
    code_key,
    count_sign_in,
    take_back,
)
from wikico2.accounts.forms import CodeForm, OwnerForm
from wikico2.accounts.second_factor import (
    SignInStep,
    give_code,
    is_right_code,
    new_recovery_codes,
    new_secret,
    recovery_codes_left,
    remove_second_factor,
    secret_picture,
    set_up_second_factor,
)
from wikico2.models import User
from wikico2.parameters import client_address, return_address


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask who has given the right password for a code, and let them in."""
    user: User | None = getattr(request, "signing_in", None)
    if user is None or getattr(request, "sign_in_step", "") != SignInStep.CODE:
        return redirect("home" if request.user.is_authenticated else "login")
    form = CodeForm(request.POST or None)
    wait = 0
    if request.method == "POST" and form.is_valid():
        try:
            if give_code(request, user, form.cleaned_data["code"]):
                return let_in(request, user)
        except SignInBlocked as blocked:
            wait = blocked.seconds
        form.refuse(wait)
    context = {"form": form, "person": user, "next": wanted_address(request)}
    status = 429 if wait else 422 if form.errors else 200
    response = render(request, "accounts/second_factor.html", context, status=status)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def let_in(request: HttpRequest, user: User) -> HttpResponse:
    """Lead on to the page that was asked for, in the language and the appearance of the account."""
    response = redirect(return_address(request) or "home")
    store_preferences(response, user)
    return response


def wanted_address(request: HttpRequest) -> str:
    """Return the address that the person wanted to open; it is checked when they are led there."""
    return request.POST.get("next", request.GET.get("next", ""))


@never_cache
@sensitive_post_parameters("code", "proof")
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_settings(request: HttpRequest) -> HttpResponse:
    """Set up one's second factor, make recovery codes again, or remove it.

    Who signs in to an account that has to have one comes here before anything else.
    """
    step = getattr(request, "sign_in_step", None)
    user = request.user if request.user.is_authenticated else getattr(request, "signing_in", None)
    if user is None:
        return redirect_to_login(request.get_full_path())
    if step == SignInStep.CODE:
        return redirect("second_factor")
    if cast("User", user).has_second_factor:
        return manage_second_factor(request, user)
    return begin_second_factor(request, user, required=step is not None)


def begin_second_factor(request: HttpRequest, user: User, *, required: bool) -> HttpResponse:
    """Show the secret; store it once a code was made with it."""
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = set_up_second_factor(request, user, form.cleaned_data["code"])
        if codes:
            return show_codes(request, codes)
        form.refuse()
    secret = new_secret(request.session)
    context = {
        "form": form,
        "picture": secret_picture(user, secret),
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "required": required,
        "next": wanted_address(request),
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/second_factor_begin.html", context, status=status)


def manage_second_factor(request: HttpRequest, user: User) -> HttpResponse:
    """Make recovery codes again, or remove the second factor, once its owner has shown who asks."""
    what = request.POST.get("do", "")
    form = OwnerForm(user, request.POST if what else None)
    if what and form.is_valid() and is_owner(request, user, form):
        if what == "codes":
            return show_codes(request, new_recovery_codes(user))
        if what == "remove":
            remove_second_factor(user, user, keep=request.session.session_key)
            messages.success(
                request, _("Your second factor is removed. Your other sessions have ended.")
            )
            return redirect("account")
    context = {"form": form, "what": what, "left": recovery_codes_left(user)}
    status = 422 if form.errors else 200
    return render(request, "accounts/second_factor_manage.html", context, status=status)


def is_owner(request: HttpRequest, user: User, form: OwnerForm) -> bool:
    """Tell whether the password, or the code, is right; guesses count as at the sign-in page."""
    has_password = user.has_usable_password()
    account = account_key(user, "") if has_password else code_key(user)
    address = address_key(client_address(request) or "")
    try:
        count_sign_in(account, address)
    except SignInBlocked as blocked:
        form.refuse(blocked.seconds)
        return False
    proof = form.cleaned_data["proof"]
    right = user.check_password(proof) if has_password else is_right_code(user, proof)
    if right:
        take_back(account, address)
    else:
        form.refuse()
    return right


def show_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Show recovery codes, this once."""
    context: dict[str, Any] = {
        "codes": "\n".join(codes),
        "rows": len(codes),
        "next": return_address(request),
    }
    return render(request, "accounts/recovery_codes.html", context)
