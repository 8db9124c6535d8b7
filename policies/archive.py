"""A policy entry as one zip: the files of its folder, and nothing else. Read in memory; nothing is unpacked to disk.

The same entry gives the same bytes each time, as a shared zoo calls an archive by its SHA-256.
"""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping

from cells.description.documents import shown
from cells.errors import InputError, Problem
from policies.contents import DESCRIPTION, KNOWN, MAX_ENTRY_BYTES, Read, most_bytes, read_files
from policies.entry import ANEW

MAX_ARCHIVE_BYTES = MAX_ENTRY_BYTES + 10_000
_WHEN = (1980, 1, 1, 0, 0, 0)
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of an entry's files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files, key=lambda name: (name != DESCRIPTION, name)):
            item = zipfile.ZipInfo(name, _WHEN)
            item.external_attr, item.create_system = (stat.S_IFREG | 0o644) << 16, 3
            archive.writestr(item, files[name])
    return out.getvalue()


def read_archive(raw: bytes, source: str) -> Read:
    """The entry that an archive holds, its files as their hashes say; ``source`` names it in errors. Raises
    ``InputError`` as :func:`policies.contents.read_files`, and for an archive that is too large, packed or unpacked,
    or that holds anything but plain files with the names that an entry has."""
    if len(raw) > MAX_ARCHIVE_BYTES:
        raise InputError(Problem(source, f"is larger than {MAX_ARCHIVE_BYTES:,} bytes", ANEW))
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return read_files(_members(archive, source), source)
    except InputError:
        raise
    except Exception as error:  # zipfile and zlib have many ways to be surprised
        what = f"is no sound zip file: {shown((str(error).splitlines() or [''])[0])}"
        raise InputError(Problem(source, what, ANEW)) from None


def _members(archive: zipfile.ZipFile, source: str) -> dict[str, bytes]:
    """The files of an archive by name, each read no further than it may be long."""
    files: dict[str, bytes] = {}
    for item in archive.infolist():
        name = item.filename
        if name not in KNOWN or item.orig_filename != name:
            what = f"holds {shown(item.orig_filename)}, which is no file of an entry"
            raise InputError(Problem(source, what, "remove it, if the entry is yours"))
        if name in files:
            raise InputError(Problem(f"{source}/{name}", "is there twice", ANEW))
        kind = stat.S_IFMT(item.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or item.flag_bits & _ENCRYPTED or item.compress_type not in _METHODS:
            raise InputError(Problem(f"{source}/{name}", "is a link, encrypted, or packed in an odd way", ANEW))
        with archive.open(item) as file:
            files[name] = file.read(most_bytes(name) + 1)
        if len(files[name]) > most_bytes(name):
            raise InputError(Problem(f"{source}/{name}", f"is larger than {most_bytes(name):,} bytes", ANEW))
        if sum(map(len, files.values())) > MAX_ENTRY_BYTES:
            raise InputError(Problem(source, f"holds more than {MAX_ENTRY_BYTES:,} bytes", ANEW))
    return files
