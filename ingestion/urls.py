"""Addresses of the sources."""

from django.urls import path

from ingestion.views import documents, listing, pages, upload

urlpatterns = [
    path("sources/", listing.documents, name="documents"),
    path("sources/ajouter/", upload.document_add, name="document_add"),
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
    path("sources/<int:pk>/reprendre/", documents.document_retry, name="document_retry"),
    path("sources/<int:pk>/arreter/", documents.document_cancel, name="document_cancel"),
    path("sources/<int:pk>/retirer/", documents.document_remove, name="document_remove"),
]
