"""The list of people, for administrators: invite, give a role, deactivate."""

from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from wikico2.accounts.attempts import locked_ids
from wikico2.accounts.decorators import requires
from wikico2.accounts.forms import InvitationForm, RoleForm
from wikico2.accounts.links import invitation_link
from wikico2.accounts.role_choice import HINTS, RoleChoice, may_manage, role_of
from wikico2.accounts.second_factor import has_second_factor
from wikico2.filters import clean_line
from wikico2.mail import is_mail_configured
from wikico2.models import User
from wikico2.people import (
    change_role,
    invite_again,
    invite_person,
    is_waiting,
    reset_second_factor,
    search_people,
    set_active,
    unlock_person,
)

PER_PAGE = 50


@requires("people.curate")
@require_safe
def people_list(request: HttpRequest) -> HttpResponse:
    """List the accounts, narrowed by words of the name or the address."""
    asked = clean_line(request.GET.get("q", ""))[:100]
    people = search_people(asked).order_by("-is_active", "username")
    page = Paginator(people, PER_PAGE).get_page(request.GET.get("page"))
    locked = locked_ids(list(page))
    rows = [{"person": p, "role": role_of(p), "locked": p.pk in locked} for p in page]
    return render(request, "accounts/people.html", {"page": page, "rows": rows, "q": asked})


@never_cache
@requires("people.curate")
@require_http_methods(["GET", "HEAD", "POST"])
def person_invite(request: HttpRequest) -> HttpResponse:
    """Create an account for somebody and send, or show, the link by which they come in."""
    form = InvitationForm(
        request.user, request.POST or None, initial={"role": RoleChoice.CONTRIBUTOR}
    )
    if request.method == "POST" and form.is_valid():
        person, is_mailed = invite_person(form.cleaned_data, cast("User", request.user))
        say_invited(request, person, is_mailed=is_mailed)
        return redirect("person", person.pk)
    context = {"form": form, "mail": is_mail_configured()}
    status = 422 if form.errors else 200
    return render(request, "accounts/invite.html", context, status=status)


def say_invited(request: HttpRequest, person: User, *, is_mailed: bool) -> None:
    """Say how the invitation reaches its person; without e-mail their page shows the link."""
    if is_mailed:
        sentence = _("An invitation was sent to %(address)s.") % {"address": person.email}
        messages.success(request, sentence)
    else:
        messages.info(request, _("Hand the link below over to the person: it is for them alone."))


@never_cache
@requires("people.curate")
@require_http_methods(["GET", "HEAD", "POST"])
def person_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an account; change its role, its access, or invite its owner again on POST."""
    person = get_object_or_404(User.objects.select_related("invited_by"), pk=pk)
    manageable = may_manage(request.user, person)
    role = role_of(person)
    form = RoleForm(request.user, request.POST or None, initial={"role": role})
    if request.method == "POST":
        if not manageable:
            messages.error(request, _("You may not change this account."))
            return redirect("person", pk)
        if act_on(request, person, form):
            return redirect("person", pk)
    context = {
        "person": person,
        "role": role,
        "role_hint": HINTS[role],
        "form": form,
        "manageable": manageable,
        "locked": bool(locked_ids([person])),
        "second_factor": has_second_factor(person),
        "mail": is_mail_configured(),
        "link": invitation_link(person) if manageable and is_waiting(person) else "",
    }
    return render(request, "accounts/person.html", context, status=422 if form.errors else 200)


def act_on(request: HttpRequest, person: User, form: RoleForm) -> bool:
    """Do what the form of a person asks; return whether it was done."""
    what, by = request.POST.get("do", ""), cast("User", request.user)
    if what == "role":
        if not form.is_valid():
            return False
        change_role(person, form.cleaned_data["role"], by)
        messages.success(request, _("The role is changed."))
    elif what == "activate":
        set_active(person, by, active=True)
        messages.success(request, _("The account is active again."))
    elif what == "deactivate":
        set_active(person, by, active=False)
        messages.success(
            request, _("The account is deactivated: nobody can sign in with it. Its work stays.")
        )
    elif what == "unlock":
        unlock_person(person, by)
        messages.success(request, _("The person can sign in again at once."))
    elif what == "reset_second_factor":
        reset_second_factor(person, by)
        messages.success(request, _("The second factor is reset."))
    elif what == "invite" and person.is_active:
        say_invited(request, person, is_mailed=invite_again(person, by))
    return True
