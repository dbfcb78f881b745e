"""Bound the stored size of an upload, however much is sent."""

import io
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest

from wikico2.sizes import MEGABYTE


class CappedUpload(FileUploadHandler):
    """Counts the bytes of a file and drops those above the limit.

    A file that is too large arrives empty, but with its real size, so that it is refused like any
    other invalid file. Put this handler before those that store.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.limit = settings.MAX_UPLOAD_MB * MEGABYTE
        self.received = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self.received += len(raw_data)
        return raw_data if self.received <= self.limit else None

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        if self.received <= self.limit:
            return None
        return UploadedFile(
            io.BytesIO(), self.file_name, self.content_type, self.received, self.charset
        )
