"""Tell people by e-mail, once a day, what has changed in what they watch."""

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
    """Return the ids of those who want a digest and can get one."""
    if not settings.EMAIL_HOST:
        return []
    watching = Watch.objects.filter(user=OuterRef("pk"))
    wanted = Digest.objects.filter(Exists(watching), wanted=True, user__is_active=True)
    return list(wanted.exclude(user__email="").values_list("pk", flat=True))


def email_digest(user_id: int) -> int:
    """Send one person what changed since the last digest; return how many changes it told.

    A digest that could not be sent is sent the next day, with what came in between.
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
    """Return the letter, in the person's language."""
    with translation.override(digest.language):
        subject = ngettext(
            "WikiCO2: %(n)s change in what you watch",
            "WikiCO2: %(n)s changes in what you watch",
            len(found),
        ) % {"n": len(found)}
        context = {"changes": found, "site": settings.SITE_URL, "user": digest.user}
        body = render_to_string("sheets/digest.txt", context)
    return EmailMessage(subject, body, to=[digest.user.email])
