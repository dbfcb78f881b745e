"""Database sessions read by plain SQL: each page reads one, and the query compiler is slow."""

from typing import Any

from django.contrib.sessions.backends import db
from django.db import connection

READ = """
    SELECT session_data, expire_date FROM django_session
    WHERE session_key = %s AND expire_date > now()
"""


class SessionStore(db.SessionStore):
    """Django's own `db` session store, with the same table and rules; only reading differs."""

    def _get_session_from_db(self) -> Any:
        key = self.session_key or ""
        with connection.cursor() as cursor:
            cursor.execute(READ, [key])
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return None
        return self.model(session_key=key, session_data=row[0], expire_date=row[1])
