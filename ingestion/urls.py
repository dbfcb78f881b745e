"""Addresses of the sources."""

from django.urls import path

from ingestion.views import describe, documents, listing, pages, upload
from ingestion.views import imports as deliveries

urlpatterns = [
    path("sources/", listing.documents, name="documents"),
    path("sources/ajouter/", upload.document_add, name="document_add"),
    path("sources/ajouter/adresses/", upload.address_add, name="address_add"),
    path("sources/envois/<int:pk>/", deliveries.delivery, name="delivery"),
    path(
        "sources/envois/<int:pk>/progression/",
        deliveries.delivery_progress,
        name="delivery_progress",
    ),
    path("sources/envois/<int:pk>/reprendre/", deliveries.delivery_retry, name="delivery_retry"),
    path("sources/envois/<int:pk>/arreter/", deliveries.delivery_cancel, name="delivery_cancel"),
    path("sources/envois/<int:pk>/oublier/", deliveries.delivery_forget, name="delivery_forget"),
    path("sources/<int:pk>/", documents.document, name="document"),
    path("sources/<int:pk>/fichier/", documents.document_file, name="document_file"),
    path("sources/<int:pk>/pages/<int:number>/", pages.page, name="page"),
    path("sources/<int:pk>/pages/<int:number>/image/", pages.page_image, name="page_image"),
    path(
        "sources/<int:pk>/pages/<int:number>/figures/<int:index>/",
        pages.page_figure,
        name="page_figure",
    ),
    path("sources/<int:pk>/progression/", documents.document_progress, name="document_progress"),
    path("sources/<int:pk>/journal/", documents.document_journal, name="document_journal"),
    path("sources/<int:pk>/reprendre/", documents.document_retry, name="document_retry"),
    path("sources/<int:pk>/images/", documents.document_pictures, name="document_pictures"),
    path("sources/<int:pk>/arreter/", documents.document_cancel, name="document_cancel"),
    path("sources/<int:pk>/modifier/", describe.document_edit, name="document_edit"),
    path("sources/<int:pk>/version/", describe.document_version, name="document_version"),
    path("sources/<int:pk>/copier/", upload.document_copy, name="document_copy"),
    path("sources/<int:pk>/retirer/", documents.document_remove, name="document_remove"),
]
