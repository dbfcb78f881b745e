"""URLs of the wiki. Fixed words come before slugs: no sheet can have the slug `nouvelle`."""

from django.urls import path

from sheets.views import (
    activity,
    browse,
    confirm,
    edit,
    export,
    history,
    levels,
    life,
    links,
    pictures,
    search,
    sources,
)
from sheets.views import (
    suggestions as suggest,
)
from sheets.views.editor_pickers import citation_picker, sheet_picker
from sheets.views.generations import (
    generation_cancel,
    generation_progress,
    generation_retry,
    sheet_new,
)
from sheets.views.jobs import (
    job_detail,
    job_list,
    job_retry,
    job_stop,
    jobs_pause,
    jobs_resume,
)
from sheets.views.proposals import proposal_detail, section_lock, sheet_regenerate
from sheets.views.reading import revision_detail, sheet_detail
from sheets.views.returned_text import sheet_from_text

urlpatterns = [
    path("", browse.home_page, name="home"),
    path("fiches/", browse.sheet_list, name="sheets"),
    path("fiches/nouvelle/", sheet_new, name="sheet_new"),
    path("fiches/nouvelle/texte/", sheet_from_text, name="sheet_from_text"),
    path("fiches/vers/", links.sheet_called, name="sheet_called"),
    path("fiches/demandees/", links.wanted_titles_list, name="wanted"),
    path("fiches/supprimees/", life.deleted_sheets, name="deleted_sheets"),
    path("fiches/supprimees/<int:pk>/retablir/", life.sheet_undelete, name="sheet_undelete"),
    path("fiches/echeances/", life.sheets_due, name="sheets_due"),
    path("fiches/<slug:slug>/", sheet_detail, name="sheet"),
    path("fiches/<slug:slug>/etat/", life.sheet_state, name="sheet_state"),
    path("fiches/<slug:slug>/sources/", sources.sheet_sources, name="sheet_sources"),
    path("sources/<int:pk>/fiches/", sources.source_sheets, name="source_sheets"),
    path("fiches/<slug:slug>/responsable/", life.sheet_care, name="sheet_care"),
    path("fiches/<slug:slug>/supprimer/", life.sheet_delete, name="sheet_delete"),
    path("relire/", confirm.confirm_list, name="confirm"),
    path("relire/<slug:slug>/", confirm.confirm_sheet, name="confirm_sheet"),
    path("aide/niveaux/", levels.levels_help, name="levels"),
    path("fiches/<slug:slug>/enonces/", levels.statement_list, name="statements"),
    path("fiches/<slug:slug>/historique/", history.sheet_history, name="sheet_history"),
    path("fiches/<slug:slug>/renommer/", links.sheet_rename, name="sheet_rename"),
    path("fiches/<slug:slug>/suivre/", activity.sheet_watch, name="watch_sheet"),
    path("fiches/<slug:slug>/versions/<int:number>/", revision_detail, name="revision"),
    path("fiches/<slug:slug>/diff/", history.sheet_compare, name="sheet_compare"),
    path("fiches/<slug:slug>/diff/<int:old>/<int:new>/", history.sheet_diff, name="sheet_diff"),
    path(
        "fiches/<slug:slug>/restaurer/<int:number>/", history.revision_restore, name="sheet_restore"
    ),
    path("fiches/<slug:slug>/propositions/<int:pk>/", proposal_detail, name="proposal"),
    path("fiches/<slug:slug>/export.md", export.export_markdown, name="export"),
    path("fiches/<slug:slug>/export.pdf", export.export_pdf, name="export_pdf"),
    path("fiches/<slug:slug>/pdf/<slug:name>/", export.pdf_progress, name="pdf_progress"),
    path("wiki/", export.wiki_transfer, name="wiki"),
    path("wiki/imports/<int:pk>/", export.wiki_import_detail, name="wiki_import"),
    path("wiki/exports/", export.wiki_export_create, name="wiki_pack"),
    path("wiki/exports/<int:pk>/", export.wiki_export_detail, name="wiki_export"),
    path("wiki/exports/<int:pk>/wiki.zip", export.wiki_zip, name="wiki_zip"),
    path("fiches/<slug:slug>/redaction/", generation_progress, name="generation_progress"),
    path("fiches/<slug:slug>/redaction/arreter/", generation_cancel, name="generation_cancel"),
    path("fiches/<slug:slug>/redaction/relancer/", generation_retry, name="generation_retry"),
    path("fiches/<slug:slug>/regenerer/", sheet_regenerate, name="sheet_generate"),
    path("fiches/<slug:slug>/verrou/", section_lock, name="section_lock"),
    path("fiches/<slug:slug>/modifier/", edit.sheet_edit, name="sheet_edit"),
    path("fiches/<slug:slug>/modifier/brouillon/", edit.sheet_autosave, name="sheet_keep"),
    path("fiches/<slug:slug>/modifier/apercu/", edit.sheet_preview, name="sheet_preview"),
    path("fiches/<slug:slug>/proposer/", suggest.sheet_suggest, name="sheet_suggest"),
    path("propositions/", suggest.proposal_list, name="proposals"),
    path("editeur/fiches/", sheet_picker, name="pick_sheet"),
    path("editeur/citations/", citation_picker, name="pick_citation"),
    path("images/", pictures.picture_add, name="picture_add"),
    path("images/<str:name>", pictures.picture_file, name="picture"),
    path("recherche/", search.search_page, name="search"),
    path("recherche/nombre/", search.search_count, name="search_count"),
    path("recherche/suggestions/", search.search_suggestions, name="search_suggestions"),
    path("recherche/flux.atom", search.search_feed, name="search_feed"),
    path("activite/", activity.activity_list, name="activity"),
    path("activite/flux.atom", activity.activity_feed, name="activity_feed"),
    path("suivi/", activity.watch_list, name="watching"),
    path("suivi/categorie/", activity.category_watch, name="watch_category"),
    path("suivi/courriel/", activity.digest_toggle, name="digest_wanted"),
    path("taches/", job_list, name="tasks"),
    path("taches/pause/", jobs_pause, name="tasks_pause"),
    path("taches/reprise/", jobs_resume, name="tasks_resume"),
    path("taches/<int:pk>/", job_detail, name="task"),
    path("taches/<int:pk>/arreter/", job_stop, name="task_stop"),
    path("taches/<int:pk>/reprendre/", job_retry, name="task_retry"),
]
