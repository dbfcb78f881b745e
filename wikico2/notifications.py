"""Tell people something: in the bar of the site, and by e-mail at once or in the digest."""

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now
from psycopg2.extras import Json

from wikico2.mail import is_mail_configured, mail_account
from wikico2.models import Notification, User

LONGEST_QUOTE = 300
KEPT_DAYS = 90
MOST_IN_DIGEST = 100
TELL = """
    INSERT INTO wikico2_notification (user_id, kind, key, details, address, actor_id)
    SELECT u.id, %(kind)s, %(key)s, %(details)s, %(address)s, %(actor)s
    FROM wikico2_user u WHERE u.id = ANY(%(users)s) AND u.is_active ORDER BY u.id
    ON CONFLICT (user_id, key) WHERE seen_at IS NULL DO UPDATE SET
        kind = excluded.kind, details = excluded.details, address = excluded.address,
        actor_id = excluded.actor_id, created_at = now()
    RETURNING id, user_id, xmax = 0
"""


@transaction.atomic
def notify(
    users: Iterable[int],
    kind: str,
    key: str,
    address: str,
    *,
    actor: User | None = None,
    title: str = "",
    text: str = "",
) -> None:
    """Tell these users something, but for `actor`, who did it.

    What they have not seen yet of the same `key` is replaced and not mailed a second time.
    """
    wanted = sorted({*users} - {actor.pk if actor else None})
    if not wanted:
        return
    details = {"title": title, "text": " ".join(text.split())[:LONGEST_QUOTE]}
    values: dict[str, Any] = {
        "users": wanted, "kind": kind, "key": key, "address": address[:500],
        "details": Json(details), "actor": actor.pk if actor else None,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(TELL, values)
        told = [pk for pk, _user, is_new in cursor.fetchall() if is_new]
    if told and kind not in Notification.TOLD_BY_DIGEST and is_mail_configured():
        mail_at_once(told)


def mail_at_once(ids: Iterable[int]) -> None:
    """Queue an e-mail for each of these notifications whose owner wants it at once."""
    rows = Notification.objects.filter(pk__in=ids, user__mail=User.Mail.NOW).exclude(user__email="")
    for row in rows.select_related("user", "actor"):
        mail_account(row.user, "accounts/mail_notification.txt", notification=row)
        row.mailed_at = Now()
        row.save(update_fields=["mailed_at"])


def withdraw(key: str) -> None:
    """Take back what people have not seen yet of a key: it is no longer so."""
    Notification.objects.unseen().filter(key=key).update(seen_at=Now())


def pending_for_digest(user: User) -> list[Notification]:
    """Return what the digest of a user has to tell: unseen and not mailed."""
    rows = Notification.objects.for_digest().filter(user=user)
    return list(rows.select_related("actor")[:MOST_IN_DIGEST])


def clear_old_notifications() -> None:
    """Delete what was told more than `KEPT_DAYS` ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM wikico2_notification WHERE created_at < now() - %s * interval '1 day'",
            [KEPT_DAYS],
        )
