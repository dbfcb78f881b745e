"""Send a daily e-mail with the changes of the watched sheets."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import ngettext

from sheets.models import Digest, Revision, Watch
from sheets.notifications.activity import list_watched_changes

MOST = 100


def due_user_ids() -> list[int]:
    """Return the ids of the active users with a watch, a wanted digest and an address."""
    if not settings.EMAIL_HOST:
        return []
    watching = Watch.objects.filter(user=OuterRef("pk"))
    wanted = Digest.objects.filter(Exists(watching), wanted=True, user__is_active=True)
    return list(wanted.exclude(user__email="").values_list("pk", flat=True))


def email_digest(user_id: int) -> int:
    """Send a user the changes since the last digest, at most `MOST`; return their number.

    If sending fails, the next day's digest includes these changes.
    """
    digest = Digest.objects.select_related("user").filter(pk=user_id, wanted=True).first()
    if digest is None or not digest.user.email:
        return 0
    until = timezone.now()
    changes = list_watched_changes(digest.user, digest.sent_until)
    found = list(changes.filter(created_at__lte=until)[:MOST])
    if found:
        digest_message(digest, found).send()
    Digest.objects.filter(pk=user_id, sent_until=digest.sent_until).update(sent_until=until)
    return len(found)


def digest_message(digest: Digest, found: list[Revision]) -> EmailMessage:
    """Return the e-mail, in the user's language."""
    with translation.override(digest.language):
        subject = ngettext(
            "WikiCO2: %(n)s change in your watchlist",
            "WikiCO2: %(n)s changes in your watchlist",
            len(found),
        ) % {"n": len(found)}
        context = {"changes": found, "site": settings.SITE_URL, "user": digest.user}
        body = render_to_string("sheets/digest.txt", context)
    return EmailMessage(subject, body, to=[digest.user.email])
