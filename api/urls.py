"""URLs for programs beside those of the operations, and of the pages about them."""

from django.urls import path

from api import views, web
from api.assistants.http import mcp_endpoint

urlpatterns = [
    path("mcp", mcp_endpoint, name="mcp"),
    path("docs", views.api_docs, name="api_docs"),
    path("robots.txt", web.robots, name="robots"),
    path("sitemap.xml", web.sitemap, name="sitemap"),
    path("oembed", web.oembed, name="oembed"),
    path("fiches/<slug:slug>/carte/", web.sheet_card, name="sheet_card"),
    path("fiches/<slug:slug>/sources.<str:kind>", web.source_citations, name="source_citations"),
    path("compte/jetons/", views.token_list, name="tokens"),
    path("compte/jetons/<int:pk>/revoquer/", views.token_revoke, name="token_revoke"),
    path("compte/webhooks/", views.webhook_list, name="webhooks"),
    path("compte/webhooks/<int:pk>/", views.webhook_detail, name="webhook"),
]
