"""Load the logged-in user and their permissions in one query."""

from django.contrib.auth.backends import ModelBackend
from django.db import connection

from wikico2.models import User

COLUMNS = [field.attname for field in User._meta.concrete_fields]
READ = """
    SELECT {columns}, CASE WHEN is_superuser OR NOT is_active THEN NULL ELSE ARRAY(
        SELECT c.app_label || '.' || p.codename
        FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
        WHERE p.id IN (
            SELECT permission_id FROM wikico2_user_user_permissions WHERE user_id = u.id
            UNION ALL
            SELECT gp.permission_id FROM wikico2_user_groups ug
            JOIN auth_group_permissions gp ON gp.group_id = ug.group_id WHERE ug.user_id = u.id
        )
    ) END
    FROM wikico2_user u WHERE id = %s
""".format(columns=", ".join(f'u."{name}"' for name in COLUMNS))  # noqa: S608 (our own columns)


class Backend(ModelBackend):
    """Django's `ModelBackend`, with the user and the permissions loaded in one query."""

    def get_user(self, user_id: int) -> User | None:
        """Return the user with their permissions; None when unknown or inactive."""
        with connection.cursor() as cursor:
            cursor.execute(READ, [user_id])
            row = cursor.fetchone()
        if row is None:
            return None
        user = User.from_db(connection.alias, COLUMNS, row[:-1])
        if row[-1] is not None:
            user._perm_cache = set(row[-1])  # type: ignore[attr-defined]  # Django's own cache
        return user if self.user_can_authenticate(user) else None
