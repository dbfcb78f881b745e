"""URL patterns of the sources."""

from django.urls import path

from ingestion.views import documents, listing, pages, upload
from ingestion.views import edit_details as describe
from ingestion.views.imports import (
    import_cancel,
    import_detail,
    import_forget,
    import_progress,
    import_retry,
)

urlpatterns = [
    path("sources/", listing.document_list, name="documents"),
    path("sources/ajouter/", upload.document_add, name="document_add"),
    path("sources/ajouter/adresses/", upload.url_add, name="address_add"),
    path("sources/envois/<int:pk>/", import_detail, name="source_import"),
    path(
        "sources/envois/<int:pk>/progression/",
        import_progress,
        name="source_import_progress",
    ),
    path("sources/envois/<int:pk>/reprendre/", import_retry, name="source_import_retry"),
    path("sources/envois/<int:pk>/arreter/", import_cancel, name="source_import_cancel"),
    path("sources/envois/<int:pk>/oublier/", import_forget, name="source_import_forget"),
    path("sources/<int:pk>/", documents.document_detail, name="document"),
    path("sources/<int:pk>/fichier/", documents.document_file, name="document_file"),
    path("sources/<int:pk>/pages/<int:number>/", pages.page_detail, name="page"),
    path("sources/<int:pk>/pages/<int:number>/image/", pages.page_image, name="page_image"),
    path(
        "sources/<int:pk>/pages/<int:number>/figures/<int:index>/",
        pages.page_figure,
        name="page_figure",
    ),
    path("sources/<int:pk>/progression/", documents.document_progress, name="document_progress"),
    path("sources/<int:pk>/journal/", documents.document_log, name="document_journal"),
    path("sources/<int:pk>/reprendre/", documents.document_retry, name="document_retry"),
    path("sources/<int:pk>/images/", documents.document_pictures, name="document_pictures"),
    path("sources/<int:pk>/arreter/", documents.document_cancel, name="document_cancel"),
    path("sources/<int:pk>/modifier/", describe.document_edit, name="document_edit"),
    path("sources/<int:pk>/version/", describe.document_version, name="document_version"),
    path("sources/<int:pk>/copier/", upload.document_copy, name="document_copy"),
    path("sources/<int:pk>/retirer/", documents.document_remove, name="document_remove"),
]
