"""Send a daily e-mail with the changes of the watched sheets."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Exists, OuterRef, Q
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import ngettext

from sheets.models import Digest, Revision, Watch
from sheets.notifications.activity import list_watched_changes
from wikico2.models import Notification, User
from wikico2.notifications import pending_for_digest

MOST = 100


def due_user_ids() -> list[int]:
    """Return the ids of the active users with an address who are due a digest.

    They watch something and want a digest of it, or want their notifications in one.
    """
    if not settings.EMAIL_HOST:
        return []
    watching = Watch.objects.filter(user=OuterRef("pk"))
    wanted = Digest.objects.filter(Exists(watching), wanted=True)
    told = Notification.objects.for_digest().filter(user=OuterRef("pk"))
    due = Q(pk__in=wanted.values("pk")) | Q(Exists(told), mail=User.Mail.DIGEST)
    return list(
        User.objects.filter(due, is_active=True)
        .exclude(email="")
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def email_digest(user_id: int) -> int:
    """Send a user the changes since the last digest, at most `MOST`; return their number.

    Who wants it has their notifications in it too. If sending fails, the next day's digest includes
    all of it.
    """
    user = User.objects.filter(pk=user_id, is_active=True).exclude(email="").first()
    if user is None:
        return 0
    digest = Digest.of(user, user.language or settings.LANGUAGE_CODE)
    until = timezone.now()
    changes = list_watched_changes(user, digest.sent_until).filter(created_at__lte=until)
    found = list(changes[:MOST]) if digest.wanted else []
    told = pending_for_digest(user) if user.mail == User.Mail.DIGEST else []
    if found or told:
        digest_message(digest, found, told).send()
    Digest.objects.filter(pk=user_id, sent_until=digest.sent_until).update(sent_until=until)
    Notification.objects.filter(pk__in=[row.pk for row in told]).update(mailed_at=until)
    return len(found) + len(told)


def digest_message(digest: Digest, found: list[Revision], told: list[Notification]) -> EmailMessage:
    """Return the e-mail, in the user's language."""
    with translation.override(digest.user.language or digest.language):
        subject = ngettext(
            "WikiCO2: %(n)s change in your watchlist",
            "WikiCO2: %(n)s changes in your watchlist",
            len(found),
        ) % {"n": len(found)}
        if not found:
            subject = ngettext(
                "WikiCO2: %(n)s notification", "WikiCO2: %(n)s notifications", len(told)
            ) % {"n": len(told)}
        context = {
            "changes": found,
            "notifications": told,
            "site": settings.SITE_URL,
            "user": digest.user,
        }
        body = render_to_string("sheets/digest.txt", context)
    return EmailMessage(subject, body, to=[digest.user.email])
