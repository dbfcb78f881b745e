"""Database sessions read by plain SQL: each page reads one, and the query compiler is slow.

Whose a session is stands in a row beside it (`SessionOwner`), so that people can end theirs.
"""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db import connection

READ = """
    SELECT session_data, expire_date FROM django_session
    WHERE session_key = %s AND expire_date > now()
"""
OWN = """
    INSERT INTO wikico2_sessionowner (session_id, user_id)
    SELECT %s, id FROM wikico2_user WHERE id = %s ON CONFLICT (session_id) DO NOTHING
"""


class SessionStore(db.SessionStore):
    """Django's own `db` session store, with the same table and rules; it also records owners."""

    def _get_session_from_db(self) -> Any:
        key = self.session_key or ""
        with connection.cursor() as cursor:
            cursor.execute(READ, [key])
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return None
        return self.model(session_key=key, session_data=row[0], expire_date=row[1])

    def save(self, must_create: bool = False) -> None:
        """Save the session, and whose it is once somebody has signed in."""
        super().save(must_create)
        if owner := self.get(SESSION_KEY):
            with connection.cursor() as cursor:
                cursor.execute(OWN, [self.session_key, owner])
