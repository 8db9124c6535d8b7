"""Where a shared zoo's files are, by URL: a folder, a web server (to read), or what fsspec knows (S3, Hugging Face).

A shelf holds named bytes and knows no policies. What is put there appears as a whole or not at all; what is read comes
in chunks, so that the reader can stop where it has enough. A web server is read without fsspec, which would take a body
as a whole, however long it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http.client import HTTPException
from pathlib import Path
from typing import Protocol

from cells.description.documents import shown
from cells.errors import CellwrightError, InputError, Problem
from policies.folder import open_plain

CHUNK = 1 << 18  # bytes
PATIENCE_S = 20.0  # without a byte from a web server
ABANDONED_S = 3600.0  # after which a draft is taken for one of a process that is no more
DRAFTS, LOCK = ".drafts", ".lock"


class Unreachable(CellwrightError):
    """A shelf that can't be reached, or that can't be written to."""


class Shelf(Protocol):
    """Files by name ("entries/gentle/1.0.0.json") at a ``url``. ``lists`` tells whether it knows which there are. All
    methods raise :class:`Unreachable`."""

    url: str
    lists: bool

    def chunks(self, name: str, start: int = 0) -> Iterator[bytes]:
        """A file's bytes from ``start`` on. Raises ``FileNotFoundError``."""

    def names(self, under: str) -> set[str]:
        """The names of all files in a folder, at any depth."""

    def put(self, name: str, raw: bytes) -> None:
        """Write a file, in the place of another if there is one."""

    def put_new(self, name: str, raw: bytes) -> bool:
        """Write a file unless there is one of this name; whether there wasn't."""

    def alone(self) -> AbstractContextManager[None]:
        """While inside, nobody else who asks for this is, where the shelf can promise that."""


def open_shelf(url: str) -> Shelf:
    """The shelf of a URL, or of a folder's path. Raises ``InputError`` for a URL that nothing here can open."""
    kind, found, rest = url.partition("://")
    if not url:
        raise InputError(Problem("--store", "is empty", "name a folder or a URL"))
    try:
        if not found or kind == "file":
            return Folder(Path(rest if found else url).expanduser().resolve())
        if kind in ("http", "https"):
            urllib.parse.urlsplit(url)
            return Web(url)
        return Remote(url)
    except (ValueError, TypeError, RuntimeError) as error:  # no URL; one that lacks something; nobody's home
        raise InputError(Problem(url, f"can't be opened: {shown(str(error))}", "name a folder or a URL")) from None


def read(shelf: Shelf, name: str, most: int) -> bytes:
    """A file as a whole. Raises ``FileNotFoundError``, and ``InputError`` for one above ``most`` bytes."""
    raw = bytearray()
    for chunk in shelf.chunks(name):
        raw += chunk
        if len(raw) > most:
            raise InputError(Problem(f"{shelf.url}/{name}", f"is larger than {most:,} bytes", "use another zoo"))
    return bytes(raw)


class Folder:
    """A folder, on this computer or mounted."""

    lists = True

    def __init__(self, path: Path) -> None:
        self.path, self.url = path, str(path)

    def chunks(self, name: str, start: int = 0) -> Iterator[bytes]:
        """See :class:`Shelf`."""
        with _told(self.url), open_plain(self.path / name) as file:
            file.seek(start)
            while chunk := file.read(CHUNK):
                yield chunk

    def names(self, under: str) -> set[str]:
        """See :class:`Shelf`."""
        with _told(self.url):
            if not self.path.is_dir():
                raise Unreachable(Problem(self.url, "is no folder", "name one that is there"))
            return {
                os.path.relpath(os.path.join(folder, name), self.path)
                for folder, _, names in os.walk(self.path / under)
                for name in names
            }

    def put(self, name: str, raw: bytes) -> None:
        """See :class:`Shelf`."""
        with _told(self.url), self._draft(name, raw) as draft:
            os.replace(draft, self.path / name)

    def put_new(self, name: str, raw: bytes) -> bool:
        """See :class:`Shelf`."""
        with _told(self.url), self._draft(name, raw) as draft:
            try:
                os.link(draft, self.path / name)
            except FileExistsError:
                return False
            return True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See :class:`Shelf`. The system gives the lock back when a process ends, however it ends."""
        with _told(self.url):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = open(self.path / LOCK, "wb")  # noqa: SIM115
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _draft(self, name: str, raw: bytes) -> Iterator[str]:
        """The path of a file that holds ``raw`` and is gone afterwards, if it hasn't been moved."""
        drafts = self.path / DRAFTS
        drafts.mkdir(parents=True, exist_ok=True)
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        _sweep(drafts)
        handle, draft = tempfile.mkstemp(dir=drafts)
        try:
            with open(handle, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), 0o644)
            yield draft
        finally:
            Path(draft).unlink(missing_ok=True)


class Web:
    """A folder behind a web server, to read."""

    lists = False

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def chunks(self, name: str, start: int = 0) -> Iterator[bytes]:
        """See :class:`Shelf`. A server that knows no ranges sends all of it, and the beginning is skipped."""
        address = f"{self.url}/{urllib.parse.quote(name)}"
        asked = urllib.request.Request(address, headers={"Range": f"bytes={start}-"} if start else {})
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
                skip = start if getattr(answer, "status", None) != 206 else 0
                while chunk := answer.read(CHUNK):
                    yield chunk[skip:]
                    skip = max(skip - len(chunk), 0)
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise FileNotFoundError(name) from None
            raise Unreachable(Problem(address, f"the server says {error.code}", "ask whoever keeps it")) from None
        except (OSError, ValueError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            what = f"can't be reached ({shown(str(reason))})"
            raise Unreachable(Problem(address, what, "check the address and the network")) from None

    def names(self, under: str) -> set[str]:
        """A web server doesn't tell."""
        raise Unreachable(Problem(self.url, "doesn't tell which files it has", "use its index"))

    def put(self, name: str, raw: bytes) -> None:
        """A web server is for reading."""
        what = "is a web server, from which policies can only be pulled"
        raise InputError(Problem(self.url, what, "name the folder or bucket that it serves"))

    def put_new(self, name: str, raw: bytes) -> bool:
        """A web server is for reading."""
        self.put(name, raw)
        return False

    def alone(self) -> AbstractContextManager[None]:
        """See :class:`Shelf`."""
        return nullcontext()


class Remote:
    """A place that fsspec knows. Its settings (keys, an endpoint) are the environment's, as its own package reads
    them."""

    lists = True

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            from fsspec.core import url_to_fs

            self.fs, self.root = url_to_fs(self.url, skip_instance_cache=True, use_listings_cache=False)
        except ImportError as error:  # fsspec itself, or what it needs for this kind of URL
            what = f"can't be reached without another package ({error})"
            raise InputError(Problem(url, what, "pip install 'cellwright[zoo]'")) from None

    def chunks(self, name: str, start: int = 0) -> Iterator[bytes]:
        """See :class:`Shelf`."""
        with self._told(name), self.fs.open(f"{self.root}/{name}", "rb", block_size=CHUNK, cache_type="none") as file:
            file.seek(start)
            while chunk := file.read(CHUNK):
                yield chunk

    def names(self, under: str) -> set[str]:
        """See :class:`Shelf`."""
        with self._told(under):
            try:
                found = self.fs.find(f"{self.root}/{under}")
            except FileNotFoundError:
                return set()
        return {path.removeprefix(f"{self.root}/") for path in found}

    def put(self, name: str, raw: bytes) -> None:
        """See :class:`Shelf`."""
        with self._told(name, FileNotFoundError):
            self.fs.pipe_file(f"{self.root}/{name}", raw)

    def put_new(self, name: str, raw: bytes) -> bool:
        """See :class:`Shelf`. S3 itself refuses to write over what is there; where a place can't, two that write the
        same name in the same instant may both believe that they were first."""
        with self._told(name, FileNotFoundError):
            try:
                self.fs.pipe_file(f"{self.root}/{name}", raw, mode="create")
            except FileExistsError:
                return False
            return True

    def alone(self) -> AbstractContextManager[None]:
        """Nobody can promise that."""
        return nullcontext()

    @contextmanager
    def _told(self, name: str, *also: type[Exception]) -> Iterator[None]:
        """What a place says, in our words; ``also`` a kind that else means something to the caller."""
        try:
            yield
        except Exception as error:  # each kind of place has errors of its own
            if isinstance(error, FileNotFoundError | CellwrightError) and not isinstance(error, also):
                raise
            what = f"can't be used ({shown(str(error))})"
            raise Unreachable(Problem(f"{self.url}/{name}", what, "check the address, keys and network")) from None


@contextmanager
def _told(url: str) -> Iterator[None]:
    """What the system says of a folder, in our words."""
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        what = f"can't be used ({error.strerror})"
        remedy = "name a folder that you may write, on a disk with room"
        if error.errno in (errno.EPERM, errno.ENOTSUP):
            remedy = "name a folder on a file system that has hard links"
        raise Unreachable(Problem(url, what, remedy)) from None


def _sweep(drafts: Path) -> None:
    """Remove what processes left that were killed."""
    with os.scandir(drafts) as found:
        for item in found:
            try:
                if time.time() - item.stat(follow_symlinks=False).st_mtime > ABANDONED_S:
                    os.unlink(item.path)
            except FileNotFoundError:  # its owner, or another sweeper, was faster
                pass
