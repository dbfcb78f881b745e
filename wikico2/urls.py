"""URLs of the site; those of sources and sheets are in their apps."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from wikico2 import views
from wikico2.accounts import audit_log

handler400 = views.bad_request

urlpatterns = [
    path("v1/", include("api.operations", namespace="v1")),  # one comparison for all other pages
    path("", include("sheets.urls")),  # before the others: most requests match these
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    path("journal/", audit_log.audit_log, name="audit_log"),
    path("journal/export.csv", audit_log.audit_export, name="audit_export"),
    path("", include("wikico2.account_pages.urls")),
    path("compte/deconnexion/", LogoutView.as_view(), name="logout"),
    # Without a CSRF token, so that all anonymous readers get the same page.
    path("langue/", csrf_exempt(set_language), name="set_language"),
    path("admin/", admin.site.urls),
    path("", include("ingestion.urls")),
    path("", include("api.urls")),
]
