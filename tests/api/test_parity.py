"""Each address of the site has its operation in the API, or a reason why not."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from api.site import api

OPERATIONS = {
    # Reading
    "home": "sheets_list_sheets",
    "sheets": "sheets_list_sheets",
    "sheet": "sheets_read",
    "statements": "sheets_read",
    "sheet_history": "sheets_history",
    "revision": "sheets_read_revision",
    "sheet_compare": "sheets_compare",
    "sheet_diff": "sheets_compare",
    "export": "sheets_read_markdown",
    # Writing
    "sheet_new": "sheets_create",
    "sheet_from_text": "sheets_create",
    "sheet_copy": "sheets_create",
    "sheet_edit": "sheets_edit",
    "sheet_rename": "sheets_rename",
    "picture_add": "pictures_add_picture",
    "sheet_restore": "sheets_restore",
    "sheet_sources": "sheet_sources_list_drawn",
    "source_sheets": "sheet_sources_list_sheets_of",
    "discussions": "discussions_list_discussions",
    "discussion": "discussions_reply",
    "sheet_state": "states_read_state",
    "sheet_care": "states_assign",
    "sheets_due": "states_list_due",
    "sheet_delete": "states_delete",
    "deleted_sheets": "states_list_deleted",
    "sheet_undelete": "states_undelete",
    "confirm": "writing_pending",
    "confirm_sheet": "writing_confirm",
    "sheet_suggest": "proposals_suggest",
    "proposals": "proposals_list_proposals",
    "proposal": "proposals_decide",
    "generation_progress": "writing_read_generation",
    "generation_cancel": "writing_stop_generation",
    "generation_retry": "writing_go_on_generation",
    "sheet_generate": "writing_generate",
    "section_lock": "writing_lock",
    "watch_sheet": "writing_watch",
    "watching": "writing_list_watched",
    "watch_category": "own_watch_category",
    "webhooks": "hooks_list_webhooks",
    "webhook": "hooks_set_webhook",
    "notifications": "own_list_notifications",
    "notification": "own_mark",
    # Search
    "search": "search_search",
    "search_count": "search_search",
    "search_suggestions": "search_suggestions",
    "pick_sheet": "search_suggestions",
    "pick_citation": "search_retrieve",
    "sheet_called": "search_suggestions",
    "activity": "library_list_activity",
    # Sources
    "documents": "sources_list_sources",
    "document": "sources_read_source",
    "document_add": "sources_add_source",
    "address_add": "sources_add_addresses",
    "document_file": "sources_read_file",
    "page": "sources_read_page",
    "page_image": "sources_read_page_image",
    "document_progress": "sources_read_source",
    "document_journal": "jobs_read_events",
    "document_retry": "sources_retry_source",
    "document_pictures": "sources_recognise_source",
    "document_cancel": "sources_stop_source",
    "document_edit": "sources_edit_source",
    "document_version": "sources_edit_source",
    "document_remove": "sources_delete_source",
    "source_import": "sources_read_import",
    "source_import_progress": "sources_read_import",
    "source_import_retry": "sources_retry_one_import",
    "source_import_cancel": "sources_stop_import",
    # Jobs, and the whole wiki
    "audit_log": "curation_list_audit",
    "people": "people_list_people",
    "person": "people_give_role",
    "person_invite": "people_invite",
    "tasks": "jobs_list_jobs",
    "task": "jobs_read_job",
    "task_stop": "jobs_halt_job",
    "task_retry": "jobs_go_on_job",
    "tasks_pause": "jobs_set_queue",
    "tasks_resume": "jobs_set_queue",
    "wiki": "library_import_wiki",
    "wiki_import": "library_read_wiki_import",
    "wiki_pack": "library_export_wiki",
    "wiki_export": "library_read_export",
    "wiki_zip": "library_read_archive",
}
REASONS = {
    "healthz": "for the operator's monitoring, as it is",
    "readyz": "for the operator's monitoring, as it is",
    "metrics": "for the operator's monitoring, as it is",
    "login": "programs have tokens",
    "second_factor": "programs have tokens",
    "openid_connect_login": "programs have tokens",
    "openid_connect_callback": "programs have tokens",
    "second_factor_settings": "an account is its person's, on a page",
    "logout": "programs have tokens",
    "tokens": "a token is made by its person, on a page",
    "token_revoke": "a token is made by its person, on a page",
    "account": "an account is its person's, on a page; who calls is at /v1/me",
    "address_change": "an account is its person's, on a page",
    "address_confirm": "leads from an e-mail",
    "password_change": "an account is its person's, on a page",
    "password_reset": "leads to an e-mail",
    "password_reset_done": "leads to an e-mail",
    "password_reset_confirm": "leads from an e-mail",
    "sessions_end": "programs have tokens, which are revoked on a page",
    "invitation": "leads from an e-mail",
    "audit_export": "a table for people; programs read the log",
    "complete_section": "answers questions into a section; a program edits the section",
    "workshop": "figures and queues for people who curate; programs filter the lists",
    "workshop_sheets": "one action on many sheets; a program does it sheet by sheet",
    "workshop_sources": "one action on many sources; a program does it source by source",
    "view_save": "a view of a list that a person comes back to",
    "view_remove": "a view of a list that a person comes back to",
    "bulk_action": "the report of an action of the workshop; its job is in the API",
    "bulk_action_file": "the export of an action of the workshop",
    "set_language": "Accept-Language says it",
    "levels": "an explanation for readers",
    "help": "an explanation for people",
    "wanted": "titles of links without a sheet: for people who browse",
    "sheet_keep": "the draft of an open editor; a program keeps its own",
    "sheet_preview": "a preview of an open editor",
    "sheet_blocks": "the text of an open editor as its blocks",
    "picture": "served as a file at its address",
    "search_feed": "is for programs already: Atom",
    "activity_feed": "is for programs already: Atom",
    "digest_wanted": "e-mail is a matter of the account",
    "export_docx": "is rendered for people; programs read the Markdown",
    "export_pdf": "is rendered for people; programs read the Markdown",
    "pdf_progress": "is rendered for people; programs read the Markdown",
    "page_figure": "shown beside the text of a page; its image has it",
    "source_import_forget": "tidies a list that people see",
    "document_copy": "a second copy of one file is a decision of a person",
    "api_docs": "is about the API",
    "mcp": "is for programs already",
    "robots": "is for programs already",
    "sitemap": "is for programs already",
    "oembed": "is for programs already",
    "sheet_card": "is for programs already",
    "source_citations": "is for programs already",
}


def names(patterns: Any = None) -> Iterator[str]:
    """Yield the names of the addresses, but those of the administration and of the API."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(one, URLResolver) and one.namespace not in ("admin", "v1"):
            yield from names(one.url_patterns)
        elif isinstance(one, URLPattern) and one.name:
            yield one.name


def test_each_address_has_its_operation_or_a_reason() -> None:
    known = set(names())
    assert known - OPERATIONS.keys() - REASONS.keys() == set()
    assert (OPERATIONS.keys() | REASONS.keys()) - known == set()


def test_the_operations_exist() -> None:
    paths = api.get_openapi_schema()["paths"].values()
    existing = {operation["operationId"] for one in paths for operation in one.values()}
    assert set(OPERATIONS.values()) <= existing
