"""Addresses of the wiki. Words come before slugs: no sheet may be called `nouvelle`."""

from django.urls import path

from sheets.views import browse, propose, read, search, tasks, write

urlpatterns = [
    path("", browse.home, name="home"),
    path("fiches/", browse.sheet_list, name="sheets"),
    path("fiches/nouvelle/", write.sheet_new, name="sheet_new"),
    path("fiches/<slug:slug>/", read.sheet, name="sheet"),
    path("fiches/<slug:slug>/historique/", read.history, name="sheet_history"),
    path("fiches/<slug:slug>/versions/<int:number>/", read.revision, name="revision"),
    path("fiches/<slug:slug>/propositions/<int:pk>/", propose.proposal, name="proposal"),
    path("fiches/<slug:slug>/export.md", read.export_markdown, name="export"),
    path("fiches/<slug:slug>/redaction/", write.generation_progress, name="generation_progress"),
    path(
        "fiches/<slug:slug>/redaction/arreter/", write.generation_cancel, name="generation_cancel"
    ),
    path("fiches/<slug:slug>/redaction/relancer/", write.generation_retry, name="generation_retry"),
    path("fiches/<slug:slug>/regenerer/", propose.regenerate, name="sheet_generate"),
    path("fiches/<slug:slug>/verrou/", propose.section_lock, name="section_lock"),
    path("recherche/", search.search_page, name="search"),
    path("recherche/suggestions/", search.suggestions, name="search_suggestions"),
    path("recherche/flux.atom", search.feed, name="search_feed"),
    path("taches/", tasks.tasks, name="tasks"),
]
