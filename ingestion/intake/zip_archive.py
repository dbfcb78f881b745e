"""Unpack: the documents of a ZIP archive, one by one, without trusting any of it.

Nothing is ever written where a name in the archive says. What an archive would weigh is known
before it is opened: a member ends where its header says, whatever more it could be blown up to.
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
"""More in one go is asked for only by a list of members that is longer than any we take."""

PIECE = 64 * KILOBYTE
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
UTF8_NAME, ENCRYPTED = 0x800, 0x1
LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
OF_OFFICE = frozenset({"[Content_Types].xml", "mimetype"})
_FRENCH = frozenset("àâäæçéèêëîïôœöùûüÿÀÂÄÆÇÉÈÊËÎÏÔŒÖÙÛÜŸ’‘“”«»–—…°")


class ZipMember(NamedTuple):
    """A document of an archive; `error` is the code of why it is not taken, or empty."""

    name: str
    size: int
    info: zipfile.ZipInfo
    error: str


class ZipArchive:
    """A ZIP archive whose list of members has been read.

    Raises UserError when made: archive_damaged, archive_empty, archive_too_many, archive_too_large.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(cast("IO[bytes]", _BoundedFile(file)))
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError):
            raise UserError("archive_damaged") from None
        self.members = [_zip_member(info) for info in self._zip.infolist() if not _is_litter(info)]
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
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError):
            raise UserError("member_damaged") from None
        into.flush()
        if is_archive(into):
            raise UserError("member_nested")

    def _content(self, member: ZipMember) -> Iterator[bytes]:
        with self._zip.open(member.info) as content:
            while data := content.read(PIECE):
                yield data


def is_archive(file: IO[bytes]) -> bool:
    """Tell whether a file is a ZIP archive of documents, rather than a document that is zipped.

    The file is left at its start.
    """
    file.seek(0)
    try:
        if identify_file(file) != ZIP:
            return False
        with zipfile.ZipFile(cast("IO[bytes]", _BoundedFile(file))) as archive:
            return not OF_OFFICE & set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError, UserError):
        return True
    finally:
        file.seek(0)


class _BoundedFile:
    """A file that gives no more at once than an honest archive ever asks for."""

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
        """Leave the file open: it is not ours."""


def _too_many() -> UserError:
    return UserError("archive_too_many", limit=settings.MAX_ARCHIVE_FILES)


def _zip_member(info: zipfile.ZipInfo) -> ZipMember:
    return ZipMember(_printable_name(_member_name(info)), info.file_size, info, _member_error(info))


def _member_error(info: zipfile.ZipInfo) -> str:
    """Return the code of what speaks against a member before its content is looked at."""
    if _leads_outside(_member_name(info)):
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


def _is_litter(info: zipfile.ZipInfo) -> bool:
    """Tell whether a member is a folder, or what systems leave beside documents."""
    path = PurePosixPath(info.filename.replace("\\", "/"))
    name = path.name.lower()
    return info.is_dir() or "__MACOSX" in path.parts or name in LITTER or name.startswith("._")


def _leads_outside(name: str) -> bool:
    path = name.replace("\\", "/")
    return path.startswith("/") or ".." in path.split("/") or path[1:3] == ":/"


def _member_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name as its author read it.

    Where an archive does not say that its names are UTF-8 they may be so all the same, or in the
    letters of DOS or of Windows: the reading with the most French in it is the best guess.
    """
    if info.flag_bits & UTF8_NAME or info.orig_filename.isascii():
        return info.filename
    try:
        raw = info.filename.encode("cp437")
        return raw.decode("utf-8")
    except UnicodeEncodeError:
        return info.filename
    except UnicodeDecodeError:
        readings = [raw.decode(page, "replace") for page in ("cp850", "cp437", "cp1252")]
        return max(readings, key=_likelihood)


def _likelihood(text: str) -> int:
    """Return how many letters beyond ASCII are those of French, less those that are not."""
    return sum(1 if c in _FRENCH else -1 for c in text if not c.isascii())


def _printable_name(name: str) -> str:
    text = unicodedata.normalize("NFC", name)
    return "".join(c for c in text if c.isprintable())[:500] or "?"
