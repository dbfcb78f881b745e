"""A Django view with one query and no middleware: the baseline for the speed of the wiki's pages.

Run `gunicorn bench.bare:application` over the database of `bench.pages`.
"""

import os

import dj_database_url
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Answer with a text of 8 KB from the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.body FROM sheets_sheet s JOIN sheets_revision r ON r.id = s.current_id"
            " WHERE s.slug = %s",
            [slug],
        )
        text = cursor.fetchone()[0].encode()
    return HttpResponse(text, headers={"Content-Length": len(text)})


urlpatterns = [path("fiches/<slug:slug>/", page)]

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="bare",  # noqa: S106
        ROOT_URLCONF="bench.bare",
        DATABASES={
            "default": dj_database_url.parse(
                os.environ["DATABASE_URL"], conn_max_age=60, conn_health_checks=True
            )
        },
    )
    django.setup()
application = get_wsgi_application()
