"""Unpack the documents of an untrusted ZIP archive, one by one.

Names in the archive are never used as paths. The unpacked size is known beforehand, from the
headers: reading a member stops at the size that its header states, even if it would unpack to more.
"""

import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from types import TracebackType
from typing import IO, NamedTuple, cast

from django.conf import settings

from ingestion.readers.media_type import ZIP, identify_file
from wikico2.errors import UserError
from wikico2.sizes import KILOBYTE, MEGABYTE

LARGEST_READ = 8 * MEGABYTE
"""Bytes of one read; only a list of members that is too long for us needs more."""

READ_SIZE = 64 * KILOBYTE
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
UTF8_NAME, ENCRYPTED = 0x800, 0x1
SYSTEM_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
OFFICE_MEMBERS = frozenset({"[Content_Types].xml", "mimetype"})
_FRENCH = frozenset("àâäæçéèêëîïôœöùûüÿÀÂÄÆÇÉÈÊËÎÏÔŒÖÙÛÜŸ’‘“”«»–—…°")


UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
"""Errors of zipfile; RuntimeError for a password and, as NotImplementedError, for a method."""


class ZipMember(NamedTuple):
    """A document of an archive; `error` is the code of its refusal, or empty."""

    name: str
    size: int
    info: zipfile.ZipInfo
    error: str


class ZipArchive:
    """A ZIP archive with the list of its members.

    The constructor raises UserError: archive_damaged, archive_empty, archive_too_many,
    archive_too_large.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(cast("IO[bytes]", _BoundedFile(file)))
        except UNREADABLE:
            raise UserError("archive_damaged") from None
        self.members = [
            _zip_member(info) for info in self._zip.infolist() if not _is_system_file(info)
        ]
        if not self.members:
            raise UserError("archive_empty")
        if len(self.members) > settings.MAX_ARCHIVE_FILES:
            raise _too_many()
        if sum(member.size for member in self.members) > settings.MAX_ARCHIVE_MB * MEGABYTE:
            raise UserError("archive_too_large", limit=settings.MAX_ARCHIVE_MB)

    def __enter__(self) -> "ZipArchive":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def copy(self, member: ZipMember, into: IO[bytes]) -> None:
        """Write a member's content into a file.

        Raises UserError: the member's own error, member_nested, member_damaged.
        """
        if member.error:
            raise UserError(member.error, limit=settings.MAX_UPLOAD_MB)
        try:
            for data in self._content(member):
                into.write(data)
        except UNREADABLE:
            raise UserError("member_damaged") from None
        into.flush()
        if is_archive(into):
            raise UserError("member_nested")

    def _content(self, member: ZipMember) -> Iterator[bytes]:
        with self._zip.open(member.info) as content:
            while data := content.read(READ_SIZE):
                yield data


def is_archive(file: IO[bytes]) -> bool:
    """Tell whether a file is a ZIP archive of documents, not an Office document (also a ZIP).

    Rewinds the file.
    """
    file.seek(0)
    try:
        if identify_file(file) != ZIP:
            return False
        with zipfile.ZipFile(cast("IO[bytes]", _BoundedFile(file))) as archive:
            return not OFFICE_MEMBERS & set(archive.namelist())
    except (*UNREADABLE, UserError):
        return True
    finally:
        file.seek(0)


class _BoundedFile:
    """A file that refuses reads larger than `LARGEST_READ`, which no valid archive needs."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        if size > LARGEST_READ:
            raise _too_many()
        return self.file.read(size if size >= 0 else LARGEST_READ)

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Do nothing: the caller closes the file."""


def _too_many() -> UserError:
    return UserError("archive_too_many", limit=settings.MAX_ARCHIVE_FILES)


def _zip_member(info: zipfile.ZipInfo) -> ZipMember:
    return ZipMember(_printable_name(_member_name(info)), info.file_size, info, _member_error(info))


def _member_error(info: zipfile.ZipInfo) -> str:
    """Return the code of why a member is refused by its header alone, or `""`."""
    if _escapes_folder(_member_name(info)):
        return "member_path"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "member_link"
    if info.flag_bits & ENCRYPTED:
        return "member_password"
    if info.compress_type not in METHODS:
        return "member_method"
    if info.file_size > settings.MAX_UPLOAD_MB * MEGABYTE:
        return "member_large"
    return ""


def _is_system_file(info: zipfile.ZipInfo) -> bool:
    """Tell whether a member is a folder or a system file such as `.DS_Store`."""
    path = PurePosixPath(info.filename.replace("\\", "/"))
    name = path.name.lower()
    return (
        info.is_dir() or "__MACOSX" in path.parts or name in SYSTEM_FILES or name.startswith("._")
    )


def _escapes_folder(name: str) -> bool:
    path = name.replace("\\", "/")
    return path.startswith("/") or ".." in path.split("/") or path[1:3] == ":/"


def _member_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name in the encoding that its author most likely used.

    Names without the UTF-8 flag may still be UTF-8, or else in a code page of DOS or Windows: the
    decoding with the most French letters is chosen.
    """
    if info.flag_bits & UTF8_NAME or info.orig_filename.isascii():
        return info.filename
    try:
        raw = info.filename.encode("cp437")
        return raw.decode("utf-8")
    except UnicodeEncodeError:
        return info.filename
    except UnicodeDecodeError:
        decodings = [raw.decode(page, "replace") for page in ("cp850", "cp437", "cp1252")]
        return max(decodings, key=_likelihood)


def _likelihood(text: str) -> int:
    """Return the number of French non-ASCII letters less that of other non-ASCII ones."""
    return sum(1 if c in _FRENCH else -1 for c in text if not c.isascii())


def _printable_name(name: str) -> str:
    text = unicodedata.normalize("NFC", name)
    return "".join(c for c in text if c.isprintable())[:500] or "?"
