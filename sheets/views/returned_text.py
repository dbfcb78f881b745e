"""Give a text back where the form that holds it was not saved.

Whatever refuses a form with a text (a lost session, an expired form, a role withdrawn, a deleted
sheet, an error of the server), the answer is a page that holds the text and says what to do. The
same form can be sent again from there, with a name and a password where they are needed.
"""

import contextlib
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST

from sheets.forms.edit import VALUE, EditForm
from sheets.forms.wiki import POSTED_NAME, NewSheetForm, title_error
from sheets.generation.request import create_sheet
from sheets.merge import Version
from sheets.models import Sheet, SheetType
from sheets.models.schema_loader import load_template
from sheets.revisions.edit import save_edit
from wikico2.accounts.attempts import SignInBlocked
from wikico2.accounts.decorators import requires
from wikico2.accounts.forms import CodeForm, SignInForm
from wikico2.accounts.rules import may
from wikico2.accounts.second_factor import SignInStep, give_code, has_second_factor, hold_sign_in
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.parameters import whole_number

Handler = Callable[[HttpRequest], HttpResponse]
View = Callable[..., HttpResponse]

TEXT_FORMS = {
    "sheet_edit", "sheet_suggest", "proposal", "sheet_restore", "sheet_rename", "sheet_new",
    "sheet_from_text", "confirm_sheet", "sheet_state",
}  # fmt: skip
"""The addresses of forms in which people write."""
SCRIPTED = {"sheet_keep", "sheet_preview", "sheet_blocks", "picture_add"}
"""The addresses that scripts of the editor ask; its page holds the text, and shows the answer."""
NEED_ACCOUNT = TEXT_FORMS - {"sheet_suggest"}
REFUSED = {400, 403, 404, 405, 408, 413, 429}
LABELS = {
    "title": gettext_noop("Title"),
    "remark": gettext_noop("Your remark"),
    "body": gettext_noop("Text"),
    "comment": gettext_noop("Summary of the change"),
    "reason": gettext_noop("Reason"),
    "signed": gettext_noop("Your name"),
}
"""The fields that people write in, in the order of the page."""
CODE = "second_factor"
"""The prefix of the form of a code that is sent with a text."""
LARGEST_READ = 8 * 2**20
MOST_FIELDS = 10_000
"""Bounds of a form that is too large and is read all the same, to be given back."""
FIELD = re.compile(rb'[ ;]name="([^"\r\n]{1,200})"')
PAGE = "sheets/text_returned.html"
NOT_RETURNED = {"csrfmiddlewaretoken", "username", "password", "picture", f"{CODE}-code"}


@dataclass(frozen=True)
class Exit:
    """Why a text was not saved, and what to do.

    `scripted` is what to do in the editor, which goes on showing the text; None: the same. `again`
    tells whether the same form can be sent again, `whole` whether the page has the bar of the site.
    """

    happened: str
    advice: str
    scripted: str | None = None
    again: bool = True
    whole: bool = True


EXITS = {
    "session": Exit(
        gettext_noop("Your session has ended"),
        gettext_noop("Log in here: your text is sent with your name and password."),
        gettext_noop("You will be asked for your password when you save."),
    ),
    "password": Exit(
        gettext_noop("Your account must choose a new password first"),
        gettext_noop(
            "Choose it in another tab (Your account, Password), then send your text again here."
        ),
    ),
    "code": Exit(
        gettext_noop("Your account asks for a second factor"),
        gettext_noop("Give the code of your application here: your text is sent with it."),
        gettext_noop("You will be asked for the code of your application when you save."),
    ),
    "set_up": Exit(
        gettext_noop("Your account must set up a second factor first"),
        gettext_noop(
            "Do it in another tab (Your account, Second factor), then send your text again here."
        ),
    ),
    "token": Exit(
        gettext_noop("This form had expired"),
        gettext_noop("Check your text and send it again: the form is valid now."),
        gettext_noop("When you save, your text comes back in a form that is valid."),
    ),
    "origin": Exit(
        gettext_noop("This form came from another site"),
        gettext_noop("Copy your text, open the sheet and paste it there."),
        again=False,
    ),
    "role": Exit(
        gettext_noop("Your account no longer allows this change"),
        gettext_noop(
            "Copy your text before you leave. An administrator can give you the right again."
        ),
        again=False,
    ),
    "gone": Exit(
        gettext_noop("This sheet no longer exists"),
        gettext_noop("It was deleted while you were writing. Copy your text before you leave."),
        again=False,
    ),
    "missing": Exit(
        gettext_noop("The place where your text belongs no longer exists"),
        gettext_noop("Copy your text, open the sheet and put it where it fits."),
        again=False,
    ),
    "large": Exit(
        gettext_noop("Your text is too large to be sent at once"),
        gettext_noop("Copy it and send it in parts."),
        again=False,
        whole=False,
    ),
    "busy": Exit(
        gettext_noop("The site receives too many requests"),
        gettext_noop("Wait a minute, then send your text again."),
        "",
        whole=False,
    ),
    "error": Exit(
        gettext_noop("An error occurred on our side"),
        gettext_noop("Wait a moment, then send your text again. If that fails, copy your text."),
        "",
        whole=False,
    ),
    "refused": Exit(
        gettext_noop("This request was refused"),
        gettext_noop("Check your text and send it again, or copy it."),
        whole=False,
    ),
    "decided": Exit(
        gettext_noop("This proposal was decided in the meantime"),
        gettext_noop("Your decision changed nothing. Copy what you wrote if you need it."),
        again=False,
    ),
}


class TextReturned(HttpResponse):
    """A page that holds the text of a form that was not saved."""


class ReturnTextMiddleware:
    """Answer a refused form with its text, and log in who sends a name and a password with it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = form_name(request) if request.method == "POST" else ""
        if name in TEXT_FORMS:
            keep_body(request)
        response = self.get_response(request)
        if name not in TEXT_FORMS | SCRIPTED or isinstance(response, TextReturned):
            return response
        reason = reason_of(request, response, name)
        if not reason:
            return response
        if name in SCRIPTED:
            return tell_script(reason, response)
        return return_text(request, reason, response) or response

    def process_view(
        self, request: HttpRequest, view: View, args: Any, kwargs: Mapping[str, Any]
    ) -> HttpResponse | None:
        """Log in with the name and the password, or the code, of a form whose token was checked."""
        if request.method != "POST" or request.user.is_authenticated:
            return None
        if form_name(request) not in TEXT_FORMS:
            return None
        if "username" in request.POST:
            return sign_in_with_text(request)
        if f"{CODE}-code" in request.POST and hasattr(request, "signing_in"):
            return give_code_with_text(request)
        return None


def sign_in_with_text(request: HttpRequest) -> HttpResponse | None:
    """Log in with the name and the password of a form; give its text back where that fails."""
    entry = SignInForm(request, request.POST)
    if not entry.is_valid():
        return return_text(request, "session", HttpResponse(status=401), entry=entry)
    user = entry.get_user()
    login(request, user)
    user.has_second_factor = has_second_factor(user)
    step = hold_sign_in(request, user)
    return return_text(request, step.value, HttpResponse(status=401)) if step else None


def give_code_with_text(request: HttpRequest) -> HttpResponse | None:
    """Complete the sign-in with the code of a form; give its text back where that fails."""
    user: User = request.signing_in  # type: ignore[attr-defined]
    form = CodeForm(request.POST, prefix=CODE)
    if form.is_valid():
        wait = 0
        try:
            if give_code(request, user, form.cleaned_data["code"]):
                request.user = user
                return None
        except SignInBlocked as blocked:
            wait = blocked.seconds
        form.refuse(wait)
    return return_text(request, "code", HttpResponse(status=401), code=form)


def form_name(request: HttpRequest) -> str:
    """Return the name of the address of a request, or ""."""
    try:
        return resolve(request.path_info).url_name or ""
    except Resolver404:
        return ""


def reason_of(request: HttpRequest, response: HttpResponse, name: str) -> str:
    """Return the key in `EXITS` of a response that is a refusal, or ""."""
    status = response.status_code
    if status == 302:
        leads = response["Location"].partition("?")[0]
        if leads in (steps := sign_in_addresses()):
            return steps[leads]
    if status == 401:
        return "session"
    if status >= 500:
        return "" if settings.DEBUG and status == 500 else "busy" if status == 503 else "error"
    if status not in REFUSED:
        return ""
    if reason := getattr(request, "csrf_refusal", ""):
        return str(reason)
    if status in (403, 404) and not request.user.is_authenticated and name != "sheet_suggest":
        return "session"
    if status == 413 or (status == 400 and posted_data(request) is None):
        return "large"
    if status == 404:
        return "gone" if sheet_is_gone(request) else "missing"
    return {403: "role", 429: "busy"}.get(status, "refused")


def sign_in_addresses() -> dict[str, str]:
    """Return the keys in `EXITS` of the addresses that lead to a step of signing in."""
    return {
        reverse(settings.LOGIN_URL): "session",
        reverse("second_factor"): "code",
        reverse("second_factor_settings"): "set_up",
        reverse("password_change"): "password",
    }


def refusal_status(reason: str, response: HttpResponse) -> int:
    """Return the status of an answer that gives a text back: never that of a redirect."""
    if reason == "session" or reason in SignInStep:
        return 401
    return 403 if reason == "password" else response.status_code


def sheet_is_gone(request: HttpRequest) -> bool:
    """Tell whether the sheet of a form no longer exists."""
    rows = Sheet.objects.readable_by(request.user)
    if number := sheet_id(posted_data(request) or {}):
        return not rows.filter(pk=number).exists()
    return not rows.filter(slug=resolve(request.path_info).kwargs.get("slug")).exists()


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is missing or wrong; one from another site is not sent again."""
    foreign = reason.startswith(("Origin checking failed", "Referer checking failed"))
    request.csrf_refusal = "origin" if foreign else "token"  # type: ignore[attr-defined]
    return HttpResponse(render_to_string("403_csrf.html", request=None), status=403)


def tell_script(reason: str, response: HttpResponse) -> HttpResponse:
    """Return the sentences about a refusal as plain text, for the scripts of the editor."""
    shown = EXITS[reason]
    status = refusal_status(reason, response)
    advice = shown.advice if shown.scripted is None else shown.scripted
    text = f"{_(shown.happened)}. {_(advice) if advice else ''}"
    return HttpResponse(text.strip(), status=status, content_type="text/plain; charset=utf-8")


def return_text(
    request: HttpRequest,
    reason: str,
    response: HttpResponse,
    *,
    entry: SignInForm | None = None,
    code: CodeForm | None = None,
    new: NewSheetForm | None = None,
) -> HttpResponse | None:
    """Return a page with the text of the request's form; None where it holds none."""
    data = posted_data(request)
    if data is None:
        data = read_again(request)
    name = form_name(request)
    fields = typed_fields(data, name)
    if not fields or data.get("do") == "discard":
        return None
    shown = EXITS[reason]
    status = refusal_status(reason, response)
    context: dict[str, Any] = {
        "reason": reason,
        "happened": _(shown.happened),
        "advice": _(shown.advice),
        "again": shown.again,
        "fields": fields,
        "hidden": hidden_fields(
            data, {one["name"] for one in fields} | set(new.fields if new else ())
        ),
        "action": request.get_full_path(),
        "editing": name == "sheet_edit",
        "layout": "base.html" if shown.whole else "bare.html",
    }
    if not shown.whole:
        return TextReturned(
            render_to_string(PAGE, context | {"csrf_token": get_token(request)}), status=status
        )
    try:
        if reason == "code":
            context["code"] = (code or CodeForm(prefix=CODE))["code"]
        context |= ways_on(request, reason, name, data, entry, new)
        page = render_to_string(PAGE, context, request)
    except DatabaseError:  # what broke may be what the page is made of
        return return_text(request, "error", response)
    return TextReturned(page, status=status)


def ways_on(
    request: HttpRequest,
    reason: str,
    name: str,
    data: QueryDict,
    entry: SignInForm | None,
    new: NewSheetForm | None,
) -> dict[str, Any]:
    """Return what else the page offers: a log-in, a suggestion, a new sheet."""
    user, more = request.user, dict[str, Any]()
    again = EXITS[reason].again and reason not in SignInStep
    if again and not user.is_authenticated and (name in NEED_ACCOUNT or reason == "session"):
        more["entry"] = entry or SignInForm(request)
        more["entry"].fields["username"].widget.attrs.pop("autofocus", None)  # read first
    sheet = None
    if may(user, "site.read"):
        sheet = Sheet.objects.readable_by(user).filter(pk=sheet_id(data)).first()
    more["sheet"] = sheet
    suggests = name == "sheet_edit" and reason == "role" and may(user, "proposal.create")
    if suggests and sheet and sheet.current:
        more["suggest"] = reverse("sheet_suggest", args=[sheet.slug])
    gone = name in ("sheet_edit", "sheet_from_text") and reason == "gone"
    if gone and may(user, "sheet.create"):
        kind = SheetType.objects.filter(key=data.get("kind", "")).first()
        initial = {"title": data.get("called", ""), "sheet_type": kind}
        more["new"] = new or NewSheetForm(initial=initial)
    return more


def sheet_id(data: Mapping[str, Any]) -> int:
    """Return the id of the sheet that a form carries, or 0."""
    return whole_number(str(data.get("sheet", ""))) or 0


def keep_body(request: HttpRequest) -> None:
    """Read the body of a form ahead, so that it can be read again where it is refused as too large.

    Django parses the same bytes, with its own limits; a body beyond `LARGEST_READ` is left to it.
    """
    size = whole_number(request.META.get("CONTENT_LENGTH", "")) or 0
    if size <= LARGEST_READ:
        with contextlib.suppress(OSError):  # the client has gone
            request.body_read = request._stream.read()  # type: ignore[attr-defined]
            request._stream = io.BytesIO(request.body_read)  # type: ignore[attr-defined]


def posted_data(request: HttpRequest) -> QueryDict | None:
    """Return the fields of a posted form; None where it is too large or cannot be read.

    Where reading has failed once, Django returns no fields.
    """
    try:
        return request.POST or (None if getattr(request, "body_read", b"") else request.POST)
    except (SuspiciousOperation, MultiPartParserError, UnreadablePostError):
        return None


def read_again(request: HttpRequest) -> QueryDict:
    """Return the fields of a form that was refused as too large, without its files."""
    body: bytes = getattr(request, "body_read", b"")
    data = QueryDict(mutable=True)
    if request.content_type == "multipart/form-data":
        boundary = b"\r\n--" + (request.content_params or {}).get("boundary", "").encode()
        for part in (b"\r\n" + body).split(boundary, MOST_FIELDS)[1:]:
            head, _gap, value = part.partition(b"\r\n\r\n")
            field = FIELD.search(head)
            if field and b"filename" not in head:
                data.appendlist(field[1].decode(errors="replace"), value.decode(errors="replace"))
    else:
        for pair in body.split(b"&", MOST_FIELDS):
            field_name, text = (
                unquote_to_bytes(part.replace(b"+", b" ")).decode(errors="replace")
                for part in pair.partition(b"=")[::2]
            )
            data.appendlist(field_name, text)
    return data


def typed_fields(data: QueryDict, name: str) -> list[dict[str, Any]]:
    """Return what a person wrote in a form: name, label, value and rows of each field."""
    hidden = {"title"} if name == "sheet_from_text" else set()
    if name == "sheet_suggest" and not data.get("section"):
        hidden = {"body"}
    found = []
    for field in [*LABELS, *(n for n in data if n.startswith((VALUE, "text_")))]:
        value = data.get(field, "")
        if field in hidden or not value.strip():
            continue
        if match := POSTED_NAME.match(field):
            if data.get(f"take_{match[2]}") != "edit":
                continue
            label = _("Your text")
        else:
            label = _(LABELS[field]) if field in LABELS else field.removeprefix(VALUE)
        rows = 18 if field == "body" else min(2 + len(value) // 80, 6)
        found.append({"name": field, "label": label, "value": value, "rows": rows})
    return found


def hidden_fields(data: QueryDict, shown: set[str]) -> list[tuple[str, str]]:
    """Return the other fields of a form, to be sent again with it."""
    return [
        (field, value)
        for field, values in data.lists()
        if field not in shown and field not in NOT_RETURNED
        for value in values
    ]


# --- A new sheet of a text whose sheet is gone ----------------------------------------------------


@require_POST
@requires("sheet.create")
def sheet_from_text(request: HttpRequest) -> HttpResponse:
    """Create a sheet of a text that was given back."""
    new = NewSheetForm(request.POST)
    user = cast("User", request.user)
    if new.is_valid():
        kind = new.cleaned_data["sheet_type"]
        data = request.POST.copy()
        data["base"] = "0"
        form = EditForm(data, start=Version(""), template=load_template(kind))
        for error in (sentence for errors in form.errors.values() for sentence in errors):
            new.add_error(None, str(error))
        if form.is_valid():
            try:
                with transaction.atomic():
                    sheet = create_sheet(kind, new.cleaned_data["title"], user)
                    save_edit(sheet, user, base=None, text=form.text())
            except UserError as error:
                new.add_error("title", title_error(error))
            else:
                messages.success(request, _("A sheet was created with your text."))
                return redirect(sheet)
    refused = HttpResponse(status=422)
    return return_text(request, "gone", refused, new=new) or redirect("sheet_new")
