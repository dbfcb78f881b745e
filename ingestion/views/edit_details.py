"""Views to edit a source's metadata, and to set the source that it replaces."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ingestion.forms import VERSION_OF_ITSELF, DescriptionForm, source_label
from ingestion.models import Document
from ingestion.pipeline.edit_details import save_description
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import may
from wikico2.parameters import whole_number

MAX_OFFERED = 300


@require_http_methods(["GET", "HEAD", "POST"])
@requires("source.edit")
def document_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the form of a source's metadata, and save the changes."""
    source = get_object_or_404(Document, pk=pk)
    title = source.title
    form = DescriptionForm(request.POST or None, instance=source)
    form.fields["access"].disabled = not may(request.user, "source.set_access", source)
    if request.method == "POST" and form.is_valid():
        save_description(source, form.changed_data)
        messages.success(request, _("The description was saved."))
        return redirect(source)
    others = Document.objects.exclude(pk=pk).only("title")
    context = {
        "document": source,
        "title": title,
        "form": form,
        "others": [source_label(other) for other in others[:MAX_OFFERED]],
    }
    return render(
        request, "ingestion/document_edit.html", context, status=422 if form.errors else 200
    )


@require_POST
@requires("source.edit")
def document_version(request: HttpRequest, pk: int) -> HttpResponse:
    """Set the source that this one is a new version of (`of`), or none."""
    source = get_object_or_404(Document, pk=pk)
    wanted = request.POST.get("of", "")
    replaced = get_object_or_404(Document, pk=whole_number(wanted)) if wanted else None
    if replaced and not source.may_replace(replaced):
        messages.error(request, VERSION_OF_ITSELF)
    else:
        source.supersedes = replaced
        save_description(source, ["supersedes"])
    return redirect(source)
