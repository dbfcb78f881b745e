"""Views to upload and send the pictures of texts."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST, require_safe

from sheets.models import Picture
from sheets.rendering.images import markdown_of, save_picture
from sheets.views.editor import require_may_edit
from wikico2.errors import UserError


@require_POST
def picture_add(request: HttpRequest) -> HttpResponse:
    """Store an uploaded picture and return the Markdown that shows it."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    require_may_edit(request)
    upload = request.FILES.get("picture")
    try:
        if upload is None:
            raise UserError("not_a_picture")
        picture = save_picture(upload, request.user)
    except UserError as error:
        return HttpResponse(error.sentence, status=422, content_type="text/plain; charset=utf-8")
    return HttpResponse(markdown_of(picture), status=201, content_type="text/plain; charset=utf-8")


@require_safe
def picture_file(request: HttpRequest, name: str) -> HttpResponse:
    """Send a picture, immutable under its name."""
    found = get_object_or_404(Picture, name=name)
    try:
        with found.file.open("rb") as stored:
            content = stored.read()
    except FileNotFoundError as error:
        raise Http404 from error
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return HttpResponse(content, content_type="image/webp", headers=headers)
