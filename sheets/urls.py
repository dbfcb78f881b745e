"""Addresses of the wiki. Words come before slugs: no sheet may be called `nouvelle`."""

from django.urls import path

from sheets.views import (
    activity,
    browse,
    edit,
    export,
    history,
    links,
    pictures,
    search,
    suggest,
)
from sheets.views import (
    editor_pickers as pick,
)
from sheets.views import (
    generations as write,
)
from sheets.views import (
    jobs as tasks,
)
from sheets.views import (
    proposals as propose,
)
from sheets.views import (
    reading as read,
)

urlpatterns = [
    path("", browse.home, name="home"),
    path("fiches/", browse.sheet_list, name="sheets"),
    path("fiches/nouvelle/", write.sheet_new, name="sheet_new"),
    path("fiches/vers/", links.sheet_called, name="sheet_called"),
    path("fiches/demandees/", links.wanted, name="wanted"),
    path("fiches/<slug:slug>/", read.sheet, name="sheet"),
    path("fiches/<slug:slug>/historique/", history.history, name="sheet_history"),
    path("fiches/<slug:slug>/renommer/", links.sheet_rename, name="sheet_rename"),
    path("fiches/<slug:slug>/suivre/", activity.watch_sheet, name="watch_sheet"),
    path("fiches/<slug:slug>/versions/<int:number>/", read.revision, name="revision"),
    path("fiches/<slug:slug>/diff/", history.choose, name="sheet_compare"),
    path("fiches/<slug:slug>/diff/<int:old>/<int:new>/", history.difference, name="sheet_diff"),
    path(
        "fiches/<slug:slug>/restaurer/<int:number>/", history.restore_revision, name="sheet_restore"
    ),
    path("fiches/<slug:slug>/propositions/<int:pk>/", propose.proposal, name="proposal"),
    path("fiches/<slug:slug>/export.md", export.export_markdown, name="export"),
    path("fiches/<slug:slug>/export.pdf", export.export_pdf, name="export_pdf"),
    path("fiches/<slug:slug>/pdf/<slug:name>/", export.pdf_progress, name="pdf_progress"),
    path("wiki/", export.wiki, name="wiki"),
    path("wiki/imports/<int:pk>/", export.wiki_import, name="wiki_import"),
    path("wiki/exports/", export.wiki_pack, name="wiki_pack"),
    path("wiki/exports/<int:pk>/", export.wiki_export, name="wiki_export"),
    path("wiki/exports/<int:pk>/wiki.zip", export.wiki_zip, name="wiki_zip"),
    path("fiches/<slug:slug>/redaction/", write.generation_progress, name="generation_progress"),
    path(
        "fiches/<slug:slug>/redaction/arreter/", write.generation_cancel, name="generation_cancel"
    ),
    path("fiches/<slug:slug>/redaction/relancer/", write.generation_retry, name="generation_retry"),
    path("fiches/<slug:slug>/regenerer/", propose.regenerate, name="sheet_generate"),
    path("fiches/<slug:slug>/verrou/", propose.section_lock, name="section_lock"),
    path("fiches/<slug:slug>/modifier/", edit.sheet_edit, name="sheet_edit"),
    path("fiches/<slug:slug>/modifier/brouillon/", edit.sheet_keep, name="sheet_keep"),
    path("fiches/<slug:slug>/modifier/apercu/", edit.sheet_preview, name="sheet_preview"),
    path("fiches/<slug:slug>/proposer/", suggest.sheet_suggest, name="sheet_suggest"),
    path("propositions/", suggest.proposals, name="proposals"),
    path("editeur/fiches/", pick.pick_sheet, name="pick_sheet"),
    path("editeur/citations/", pick.pick_citation, name="pick_citation"),
    path("images/", pictures.picture_add, name="picture_add"),
    path("images/<str:name>", pictures.picture, name="picture"),
    path("recherche/", search.search_page, name="search"),
    path("recherche/nombre/", search.search_count, name="search_count"),
    path("recherche/suggestions/", search.suggestions, name="search_suggestions"),
    path("recherche/flux.atom", search.feed, name="search_feed"),
    path("activite/", activity.activity, name="activity"),
    path("activite/flux.atom", activity.feed, name="activity_feed"),
    path("suivi/", activity.watching, name="watching"),
    path("suivi/categorie/", activity.watch_category, name="watch_category"),
    path("suivi/courriel/", activity.digest_wanted, name="digest_wanted"),
    path("taches/", tasks.tasks, name="tasks"),
    path("taches/pause/", tasks.tasks_pause, name="tasks_pause"),
    path("taches/reprise/", tasks.tasks_resume, name="tasks_resume"),
    path("taches/index/<int:pk>/reprendre/", tasks.build_retry, name="build_retry"),
]
