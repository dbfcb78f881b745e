"""Pictures of sheets: uploaded, encoded anew, and shown by the Markdown in the answer."""

from typing import Any

from django.http import HttpRequest
from ninja import File, Router, UploadedFile
from ninja.responses import Status
from pydantic import BaseModel

from api.idempotency import once
from api.rights import require_right
from api.schemas.common import site_address
from sheets.rendering.images import markdown_of, save_picture

router = Router(tags=["writing"])


class PictureOut(BaseModel):
    """A picture that was stored: put `markdown` into the text of a sheet."""

    markdown: str
    url: str


@router.post("/pictures", response={201: PictureOut})
@once
def add_picture(request: HttpRequest, file: File[UploadedFile]) -> Any:
    """Upload a picture for a sheet; it is made smaller where it is large."""
    picture = save_picture(file, require_right(request, "sheet.edit"))
    url = site_address(picture.get_absolute_url())
    return Status(201, PictureOut(markdown=markdown_of(picture), url=url))
