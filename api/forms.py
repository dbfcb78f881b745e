"""The forms of tokens and of webhooks."""

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from api.models import Token, Webhook
from api.rights import grantable_scopes
from api.webhooks import change_webhook, create_webhook
from sheets.models import SheetType
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.text.normalize import visible_line

LIFETIMES = (
    ("30", _("30 days")),
    ("90", _("90 days")),
    ("365", _("one year")),
    ("", _("no end")),
)


class TypeKeys(forms.ModelMultipleChoiceField[SheetType]):
    def label_from_instance(self, obj: SheetType) -> str:
        return obj.name


class TokenForm(forms.Form):
    """A new token of `user`, who cannot give it more than they may do themselves."""

    name = forms.CharField(
        label=_("Name"),
        max_length=Token._meta.get_field("name").max_length,
        help_text=_("What it is for, as you will want to find it again."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Enter a name.")},
    )
    scope = forms.ChoiceField(label=_("What it may do"), initial=Token.Scope.READ)
    days = forms.ChoiceField(label=_("Valid for"), choices=LIFETIMES, initial="90", required=False)
    sheet_types = TypeKeys(
        label=_("Only these kinds of sheet"),
        queryset=SheetType.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all of them."),
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes = grantable_scopes(user)
        labels = {
            Token.Scope.READ: _("Read"),
            Token.Scope.WRITE: _("Read and write: upload, edit, propose"),
            Token.Scope.CURATE: _("Write and curate: validate, decide on proposals"),
            Token.Scope.ADMIN: _("Everything that you may do"),
        }
        self.fields["scope"].choices = [  # type: ignore[attr-defined]
            (scope, label) for scope, label in labels.items() if scope in scopes
        ]
        self.fields["sheet_types"].queryset = SheetType.objects.all()  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        """Return the name on one line."""
        name = visible_line(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError(self.fields["name"].error_messages["required"])
        return name

    def issue(self, user: Any) -> tuple[Token, str]:
        """Create the token; return it and its secret."""
        given = self.cleaned_data
        days = given["days"]
        expires = timezone.now() + dt.timedelta(days=int(days)) if days else None
        return Token.issue(
            user,
            given["name"],
            scope=given["scope"],
            sheet_types=[kind.key for kind in given["sheet_types"]],
            expires_at=expires,
        )


class WebhookForm(forms.Form):
    """Where to send notifications, and of which events."""

    url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        help_text=_("A page of your program on the public internet, which takes POST."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "inputmode": "url", "placeholder": "https://"}
        ),
        error_messages={"required": _("Enter an address.")},
    )
    events = forms.MultipleChoiceField(
        label=_("What it is told of"),
        choices=Webhook.Event.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one event.")},
    )

    def create(self, user: User) -> Webhook | None:
        """Create the webhook; None, with the error on the form, if it is refused."""
        given = self.cleaned_data
        try:
            return create_webhook(user, given["url"], given["events"])
        except UserError as error:
            self.add_error("url", error.sentence)
            return None


class WebhookChangeForm(WebhookForm):
    """What a webhook is to be from now on."""

    is_active = forms.BooleanField(
        label=_("Tell it of events"),
        required=False,
        help_text=_("Without it nothing more is sent; what already waits still is."),
    )

    def change(self, hook: Webhook) -> bool:
        """Change the webhook; false, with the error on the form, if it is refused."""
        given = self.cleaned_data
        try:
            change_webhook(hook, **given, by=hook.user)
        except UserError as error:
            self.add_error("url", error.sentence)
            return False
        return True
