"""The list of people, for administrators: invite, give a role, deactivate."""

from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from wikico2.accounts.attempts import locked_ids, unlock_accounts
from wikico2.accounts.decorators import requires
from wikico2.accounts.forms import InvitationForm, RoleForm
from wikico2.accounts.links import invitation_link
from wikico2.accounts.role_choice import HINTS, RoleChoice, may_manage, role_of, set_role
from wikico2.accounts.sessions import end_sessions
from wikico2.filters import clean_line
from wikico2.mail import is_mail_configured, mail_account
from wikico2.models import User

PER_PAGE = 50


@requires("people.curate")
@require_safe
def people_list(request: HttpRequest) -> HttpResponse:
    """List the accounts, narrowed by words of the name or the address."""
    asked = clean_line(request.GET.get("q", ""))[:100]
    people = User.objects.prefetch_related("groups").order_by("-is_active", "username")
    for word in asked.split()[:5]:
        people = people.filter(
            Q(username__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
        )
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
        person = create_invited(form.cleaned_data, cast("User", request.user))
        send_invitation(request, person)
        return redirect("person", person.pk)
    context = {"form": form, "mail": is_mail_configured()}
    status = 422 if form.errors else 200
    return render(request, "accounts/invite.html", context, status=status)


@transaction.atomic
def create_invited(given: dict[str, Any], by: User) -> User:
    """Create an account without a password, which waits for its owner."""
    person = User(
        username=free_username(given["email"].partition("@")[0]),
        email=given["email"],
        first_name=given["first_name"],
        last_name=given["last_name"],
        invited_at=timezone.now(),
        invited_by=by,
    )
    person.set_unusable_password()
    person.save()
    set_role(person, given["role"])
    return person


def free_username(wanted: str) -> str:
    """Return an account name that is like `wanted` and that nobody has."""
    kept = "".join(c for c in User.normalize_username(wanted) if c.isalnum() or c in "._-")
    stem = kept[:100] or "compte"
    taken = {
        name.casefold()
        for name in User.objects.filter(username__istartswith=stem).values_list(
            "username", flat=True
        )
    }
    names = (stem, *(f"{stem}{n}" for n in range(2, len(taken) + 3)))
    return next(name for name in names if name.casefold() not in taken)


def send_invitation(request: HttpRequest, person: User) -> None:
    """Invite again: earlier links end. Without e-mail the page of the person shows the link."""
    person.invited_at = timezone.now()
    person.save(update_fields=["invited_at"])
    if is_mail_configured() and person.email:
        link = invitation_link(person, mailed=True)
        mail_account(person, "accounts/mail_invitation.txt", link=link, by=request.user)
        messages.success(
            request, _("An invitation was sent to %(address)s.") % {"address": person.email}
        )
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
        "mail": is_mail_configured(),
        "link": invitation_link(person) if manageable and is_waiting(person) else "",
    }
    return render(request, "accounts/person.html", context, status=422 if form.errors else 200)


def is_waiting(person: User) -> bool:
    """Tell whether an account waits for its owner to come in by an invitation."""
    return person.is_invited and person.is_active


def act_on(request: HttpRequest, person: User, form: RoleForm) -> bool:
    """Do what the form of a person asks; return whether it was done."""
    what = request.POST.get("do", "")
    if what == "role":
        if not form.is_valid():
            return False
        set_role(person, form.cleaned_data["role"])
        messages.success(request, _("The role is changed."))
    elif what in ("deactivate", "activate"):
        person.is_active = what == "activate"
        person.save(update_fields=["is_active"])
        if not person.is_active:
            end_sessions(person)
        messages.success(
            request,
            _("The account is active again.")
            if person.is_active
            else _("The account is deactivated: nobody can sign in with it. Its work stays."),
        )
    elif what == "unlock":
        unlock_accounts([person])
        messages.success(request, _("The person can sign in again at once."))
    elif what == "invite" and person.is_active:
        person.set_unusable_password()
        person.save(update_fields=["password"])
        end_sessions(person)
        send_invitation(request, person)
    return True
