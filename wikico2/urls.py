"""Addresses of the site; those of sources and sheets stand in their apps."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from wikico2 import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("compte/connexion/", LoginView.as_view(), name="login"),
    path("compte/deconnexion/", LogoutView.as_view(), name="logout"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include("ingestion.urls")),
    path("", include("sheets.urls")),
]
