"""Forms to sign in, to come in by invitation, of one's own account, and of the list of people."""

import copy
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    PasswordResetForm,
    SetPasswordForm,
    UsernameField,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from wikico2.accounts.role_choice import HINTS, RoleChoice, grantable_roles
from wikico2.models import User

if TYPE_CHECKING:
    PasswordForm = SetPasswordForm[User]
else:
    PasswordForm = SetPasswordForm  # which cannot be subscripted at run time

WRONG_CODE = gettext_lazy("This code is wrong, or was used before.")
TAKEN = gettext_lazy("Another account has this name. Choose another one.")


def wait_sentence(seconds: int) -> str:
    """Return what is said to people who have to wait before they sign in again."""
    if seconds > 90:
        minutes = (seconds + 59) // 60
        return ngettext(
            "Too many attempts have failed. Sign-in is locked: try again in %(n)s minute.",
            "Too many attempts have failed. Sign-in is locked: try again in %(n)s minutes.",
            minutes,
        ) % {"n": minutes}
    return ngettext(
        "Several attempts have failed: wait %(n)s second before the next one.",
        "Several attempts have failed: wait %(n)s seconds before the next one.",
        seconds,
    ) % {"n": seconds}


class SignInForm(AuthenticationForm):
    """The sign-in of the site and of the administration, by name or e-mail address."""

    username = UsernameField(
        label=gettext_lazy("Account name or e-mail address"),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )

    def get_invalid_login_error(self) -> ValidationError:
        """Say how long to wait where too many sign-ins have failed, and the same of all else."""
        if seconds := getattr(self.request, "sign_in_wait", 0):
            return ValidationError(wait_sentence(seconds), code="blocked")
        return ValidationError(_("Incorrect name or password."), code="invalid_login")


class ForgottenPasswordForm(PasswordResetForm):
    """Ask for a link to choose a new password; the view queues the e-mail."""

    def accounts(self) -> list[User]:
        """Return the accounts of the address that can sign in with a password."""
        return list(self.get_users(self.cleaned_data["email"]))


class ChosenPasswordMixin:
    """Say in one sentence what a new password must be."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = _(
            "At least 8 characters; not only digits, not a common password, nothing of your name."
        )
        self.fields["new_password2"].help_text = ""


class OwnPasswordForm(ChosenPasswordMixin, PasswordChangeForm):
    """A new password of one's own account; the former one is asked."""


class NewPasswordForm(ChosenPasswordMixin, PasswordForm):
    """A new password by a link that was sent."""


class FirstPasswordForm(ChosenPasswordMixin, PasswordForm):
    """What an invited person says: a name for the account, their own name, a password."""

    username = UsernameField(
        label=gettext_lazy("Account name"),
        max_length=150,
        help_text=gettext_lazy("You sign in with it, or with your e-mail address."),
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    first_name = forms.CharField(
        label=gettext_lazy("First name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label=gettext_lazy("Last name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    field_order = ("username", "first_name", "last_name", "new_password1", "new_password2")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        names = {name: getattr(user, name) for name in ("username", "first_name", "last_name")}
        super().__init__(user, *args, initial=names, **kwargs)

    def clean_username(self) -> str:
        return free_name(self.cleaned_data["username"], self.user)

    def save(self, commit: bool = True) -> User:
        """Store the names and the password."""
        for name in ("username", "first_name", "last_name"):
            setattr(self.user, name, self.cleaned_data[name])
        return super().save(commit)


def free_name(name: str, user: User | None = None) -> str:
    """Return the account name if Django allows it and no other account has it."""
    name = User.normalize_username(name)
    for validate in User._meta.get_field("username").validators:
        validate(name)
    others = User.objects.filter(username__iexact=name)
    if (others.exclude(pk=user.pk) if user else others).exists():
        raise ValidationError(TAKEN)
    return name


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


class ProfileForm(forms.ModelForm[User]):
    """One's own account: name, language, appearance, notifications."""

    class Meta:
        model = User
        fields = ("first_name", "last_name", "language", "theme", "mail")

    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        required=False,
        choices=[("", gettext_lazy("that of the browser")), *settings.LANGUAGES],
        help_text=gettext_lazy("Of the pages, and of the e-mails sent to you."),
    )
    theme = forms.ChoiceField(
        label=gettext_lazy("Appearance"),
        required=False,
        choices=[("", gettext_lazy("same as device")), *User.Theme.choices],
    )


class MailAddressForm(forms.Form):
    """A new e-mail address of one's own account; the password is asked again."""

    email = forms.EmailField(
        label=gettext_lazy("New address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        given = str(self.cleaned_data["password"])
        if not self.user.check_password(given):
            raise ValidationError(_("Incorrect password."))
        return given


class CodeForm(forms.Form):
    """The code of a second factor."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "size": 12}
        ),
    )

    def refuse(self, wait: int = 0) -> None:
        """Say that the code is wrong, or how many seconds to wait for the next one."""
        self.add_error("code", wait_sentence(wait) if wait else str(WRONG_CODE))


class OwnerForm(forms.Form):
    """Ask again who is there: for the password, or for a code where the account has none."""

    proof = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        max_length=4_096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_code = not user.has_usable_password()
        if self.by_code:
            self.fields["proof"] = copy.deepcopy(CodeForm.base_fields["code"])

    def refuse(self, wait: int = 0) -> None:
        """Say what is wrong, or how many seconds to wait for the next attempt."""
        wrong = WRONG_CODE if self.by_code else _("Incorrect password.")
        self.add_error("proof", wait_sentence(wait) if wait else str(wrong))


class RoleForm(forms.Form):
    """The role of an account, of those that its editor may give."""

    role = forms.ChoiceField(
        label=gettext_lazy("Role"), required=False, widget=forms.RadioSelect, choices=()
    )

    def __init__(self, giver: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [  # type: ignore[attr-defined]
            (role.value, f"{role.label} · {HINTS[role]}") for role in grantable_roles(giver)
        ]

    def clean_role(self) -> RoleChoice:
        return RoleChoice(self.cleaned_data["role"])


class InvitationForm(RoleForm):
    """Whom to invite, and as what."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    first_name = forms.CharField(label=gettext_lazy("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=gettext_lazy("Last name"), max_length=150, required=False)
    field_order = ("email", "first_name", "last_name", "role")

    def clean_email(self) -> str:
        email = User.objects.normalize_email(self.cleaned_data["email"])
        if User.objects.filter(email__iexact=email).exists():
            raise ValidationError(
                _("An account with this address exists: find it in the list of people.")
            )
        return email
