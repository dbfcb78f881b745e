"""What administrators do to accounts: invite, give a role, deactivate, unlock, reset a factor.

The pages and the API call these functions, after they have asked `may_manage`. Each is in the audit
log.
"""

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from wikico2.accounts.attempts import unlock_accounts
from wikico2.accounts.audit import record
from wikico2.accounts.forms import free_username
from wikico2.accounts.links import invitation_link
from wikico2.accounts.role_choice import RoleChoice, role_of, set_role
from wikico2.accounts.second_factor import remove_second_factor
from wikico2.accounts.sessions import end_sessions
from wikico2.mail import is_mail_configured, mail_account
from wikico2.models import User

MOST_WORDS = 5


def search_people(words: str) -> QuerySet[User]:
    """Return the accounts with each of these words in a name or the address."""
    people = User.objects.prefetch_related("groups")
    for word in words.split()[:MOST_WORDS]:
        people = people.filter(
            Q(username__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
        )
    return people


@transaction.atomic
def invite_person(given: dict[str, Any], by: User) -> tuple[User, bool]:
    """Create an account without a password, which waits for its owner.

    `given` are the values of an `InvitationForm`. Returns the account, and whether an e-mail is on
    its way; otherwise its link is to be handed over.
    """
    person = User(
        username=free_username(given["email"].partition("@")[0]),
        email=given["email"],
        first_name=given["first_name"],
        last_name=given["last_name"],
        invited_by=by,
    )
    person.set_unusable_password()
    person.save()
    set_role(person, given["role"])
    return person, send_invitation(person, by)


@transaction.atomic
def send_invitation(person: User, by: User) -> bool:
    """Invite: earlier links end. Tell whether an e-mail with the new one is on its way."""
    person.invited_at = timezone.now()
    person.save(update_fields=["invited_at"])
    record("account.invite", person, by)
    is_mailed = is_mail_configured() and bool(person.email)
    if is_mailed:
        link = invitation_link(person, mailed=True)
        mail_account(person, "accounts/mail_invitation.txt", link=link, by=by)
    return is_mailed


@transaction.atomic
def invite_again(person: User, by: User) -> bool:
    """End the password and the sessions of an account, and have its owner choose a new password.

    Tells whether an e-mail is on its way.
    """
    person.set_unusable_password()
    person.save(update_fields=["password"])
    end_sessions(person)
    return send_invitation(person, by)


@transaction.atomic
def change_role(person: User, role: RoleChoice, by: User) -> None:
    """Give an account a role instead of the one that it has."""
    before = role_of(person)
    if role != before:
        set_role(person, role)
        record("account.change_role", person, by, old=before.value, new=role.value)


@transaction.atomic
def set_active(person: User, by: User, *, active: bool) -> None:
    """Let the owner of an account sign in, or not any more; what they wrote stays."""
    person.is_active = active
    person.save(update_fields=["is_active"])
    if not active:
        end_sessions(person)
    record("account.activate" if active else "account.deactivate", person, by)


@transaction.atomic
def unlock_person(person: User, by: User) -> None:
    """Let the owner of an account sign in at once after too many failures."""
    unlock_accounts([person])
    record("account.unlock", person, by)


@transaction.atomic
def reset_second_factor(person: User, by: User) -> None:
    """Remove the second factor of somebody who has lost it; its codes are no longer locked."""
    if remove_second_factor(person, by, "account.reset_second_factor"):
        unlock_accounts([person])


def is_waiting(person: User) -> bool:
    """Tell whether an account waits for its owner to come in by an invitation."""
    return person.is_invited and person.is_active
