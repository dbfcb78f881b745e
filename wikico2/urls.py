"""Addresses of the site; those of sources and sheets stand in their apps."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from wikico2 import views

handler400 = views.bad_request

urlpatterns = [
    path("", include("sheets.urls")),  # first, since most requests are for these
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("compte/connexion/", LoginView.as_view(), name="login"),
    path("compte/deconnexion/", LogoutView.as_view(), name="logout"),
    # Without a form token, so that pages for readers without an account are all the same.
    path("langue/", csrf_exempt(set_language), name="set_language"),
    path("admin/", admin.site.urls),
    path("", include("ingestion.urls")),
]
