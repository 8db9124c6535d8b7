"""Shared zoos: in a folder, behind a real web server, and in a real S3-compatible server, all on loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.zoo import race, write_key
from cells.errors import InputError
from policies.folder import read_entry
from policies.index import parse_index
from policies.sharing import INDEX, archive_name, pull, push, renew_index, row_name, rows_known, rows_of
from policies.shelf import Folder, Remote, Shelf, Unreachable, Web, open_shelf, read
from tests.unit.entries import change, write_parameters, write_residual
from tests.unit.file_server import FileServer


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of an empty bucket."""
    pytest.importorskip("moto.server", reason="the S3 server of the extra dev isn't installed")
    pytest.importorskip("s3fs", reason="the extra zoo isn't installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, words = f"http://127.0.0.1:{port}", [sys.executable, "-m", "moto.server", "-p", str(port)]
    with pytest.MonkeyPatch.context() as patch, subprocess.Popen(words, stderr=subprocess.PIPE) as server:
        for name, value in (("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"), ("DEFAULT_REGION", "us-east-1"),
                            ("ENDPOINT_URL_S3", url)):  # fmt: skip
            patch.setenv(f"AWS_{name}", value)
        patch.setenv("NO_PROXY", "127.0.0.1")
        deadline = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(f"{url}/cells", method="PUT"), timeout=5).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, "the S3 server doesn't start"
                time.sleep(0.1)
        yield "s3://cells/zoo"
        server.kill()


@pytest.fixture(params=["folder", "s3"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """An empty shelf that can be written."""
    if request.param == "folder":
        return open_shelf(str(tmp_path / "shared"))
    return open_shelf(f"{request.getfixturevalue('bucket')}/{tmp_path.name}")


@pytest.fixture
def folder_shelf(tmp_path: Path) -> Shelf:
    """An empty shelf in a folder."""
    return Folder(tmp_path / "shared")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[FileServer]:
    """A web server of the folder ``shared``."""
    server = FileServer(tmp_path / "shared")
    yield server
    server.close()


def test_what_is_pushed_is_pulled_byte_by_byte(shelf: Shelf, tmp_path: Path) -> None:
    folders = [write_residual(tmp_path / "a"), write_residual(tmp_path / "a", version="1.10.0"),
               write_parameters(tmp_path / "a", name="tuned")]  # fmt: skip
    rows = [push(folder, shelf) for folder in folders]
    assert {row.policy for row in rows} == {"gentle@1.0.0", "gentle@1.10.0", "tuned@1.0.0"}
    assert rows_of(shelf).rows == parse_index(read(shelf, INDEX, 10**6), INDEX) == tuple(rows)
    folder, who = pull("gentle", shelf, tmp_path / "b")
    assert (folder, who) == (tmp_path / "b/gentle/1.10.0", "not signed")
    assert read_entry(folder).files == read_entry(folders[1]).files
    assert pull("gentle@1.10.0", shelf, tmp_path / "b")[0] == folder  # once more, nothing happens
    with pytest.raises(InputError, match=r"has no 'gentel'; did you mean 'gentle@"):
        pull("gentel", shelf, tmp_path / "b")


def test_a_version_never_changes_and_the_same_once_more_is_no_error(shelf: Shelf, tmp_path: Path) -> None:
    row = push(write_parameters(tmp_path / "a"), shelf)
    assert push(tmp_path / "a/gentle/1.0.0", shelf) == row
    other = write_parameters(tmp_path / "b", licence="MIT")
    with pytest.raises(InputError, match=r"gentle@1\.0\.0: is in .* already, with another content"):
        push(other, shelf)
    assert rows_of(shelf).rows == (row,)
    assert len(shelf.names("archives")) == 1, "of what was refused nothing stays there"
    pull("gentle", shelf, tmp_path / "c")
    shutil.rmtree(tmp_path / "c/gentle/1.0.0")
    shutil.copytree(other, tmp_path / "c/gentle/1.0.0")
    with pytest.raises(InputError, match="is here already, with another content"):
        pull("gentle", shelf, tmp_path / "c")
    (tmp_path / "c/gentle/1.0.0/policy.json").write_text("{}")
    with pytest.raises(
        InputError, match=r"is here already, damaged, in .*; cellwright zoo remove gentle@1\.0\.0, then"
    ):
        pull("gentle", shelf, tmp_path / "c")


def test_what_is_not_sound_is_not_pushed(folder_shelf: Shelf, tmp_path: Path) -> None:
    folder = write_residual(tmp_path / "a")
    change(folder, lambda data: data["normaliser"]["mean"].__setitem__(0, 1.0))
    with pytest.raises(InputError, match=r"isn't the Sub of policy\.json:normaliser"):
        push(folder, folder_shelf)
    assert read_or_none(folder_shelf, INDEX) is None


def test_the_index_is_made_anew_out_of_the_rows(shelf: Shelf, tmp_path: Path) -> None:
    row = push(write_parameters(tmp_path / "a"), shelf)
    for spoilt in (b"", b"{", b'{"schema": "cellwright/zoo-index/v1", "policies": []}'):
        shelf.put(INDEX, spoilt)
        assert rows_of(shelf).rows == (row,)  # nothing is lost by it
        renew_index(shelf)
        assert parse_index(read(shelf, INDEX, 10**6), INDEX) == (row,)


def test_what_is_no_row_is_told_and_hides_no_other(folder_shelf: Shelf, tmp_path: Path) -> None:
    row = push(write_parameters(tmp_path / "a"), folder_shelf)
    folder_shelf.put("policies/other/1.0.0.json", read(folder_shelf, row_name(row.policy), 10**6))
    folder_shelf.put("policies/notes.txt", b"hello")
    folder_shelf.put("policies/wrong/1.0.0.json", b'{"policy": "wrong@1.0.0"}')
    shared = rows_of(folder_shelf)
    assert shared.rows == (row,)
    said = "\n".join(map(str, shared.problems))
    assert "is the row of gentle@1.0.0" in said and "is no row of a policy" in said and "archive: is missing" in said


def test_a_changed_archive_and_a_lying_row_are_refused(folder_shelf: Shelf, tmp_path: Path) -> None:
    row = push(write_parameters(tmp_path / "a"), folder_shelf)
    archive = read(folder_shelf, archive_name(row), 10**6)
    folder_shelf.put(archive_name(row), archive[:-1] + b"x")
    with pytest.raises(InputError, match="isn't what its hash says"):
        pull("gentle", folder_shelf, tmp_path / "b")
    folder_shelf.put(archive_name(row), archive)
    lie = json.loads(read(folder_shelf, row_name(row.policy), 10**6))
    lie["proven"]["pegboard"]["clearance_mm"] = [0.1, 9.0]
    folder_shelf.put(row_name(row.policy), json.dumps(lie).encode())
    folder_shelf.put(INDEX, b"")
    with pytest.raises(InputError, match=r"gentle@1\.0\.0:proven: .* says another thing than the entry itself"):
        pull("gentle", folder_shelf, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_web_server_is_read_and_an_unfinished_fetch_goes_on(served: FileServer, tmp_path: Path) -> None:
    row = push(write_residual(tmp_path / "a"), Folder(tmp_path / "shared"))
    web = open_shelf(served.url)
    assert isinstance(web, Web) and rows_of(web).rows == (row,)
    with pytest.raises(InputError, match="from which policies can only be pulled"):
        push(tmp_path / "a/gentle/1.0.0", web)
    served.cut = 1000
    for have in (1000, 2000):
        with pytest.raises(Unreachable, match=f"ended after {have:,} of {row.size:,} bytes; say it again"):
            pull("gentle", web, tmp_path / "b")
    served.cut = 10**12
    folder, _ = pull("gentle", web, tmp_path / "b")
    assert served.asked[-1] == (archive_name(row), "bytes=2000-")
    assert read_entry(folder).files == read_entry(tmp_path / "a/gentle/1.0.0").files
    assert not list((tmp_path / "home/zoo/.shared").glob("*.part"))


def test_a_server_without_ranges_sends_all_again_and_an_old_piece_of_another_content_does_no_harm(
    served: FileServer, tmp_path: Path
) -> None:
    row = push(write_residual(tmp_path / "a"), Folder(tmp_path / "shared"))
    web, served.ranges, served.cut = open_shelf(served.url), False, 1000
    with pytest.raises(Unreachable, match="ended after"):
        pull("gentle", web, tmp_path / "b")
    served.cut = 10**12
    pull("gentle", web, tmp_path / "b")
    (tmp_path / "home/zoo/.shared" / f"{row.archive}.part").write_bytes(b"another")
    with pytest.raises(InputError, match="isn't what its hash says; what came is thrown away"):
        pull("gentle", web, tmp_path / "c")
    pull("gentle", web, tmp_path / "c")


def test_a_server_that_never_stops_is_left(served: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = push(write_parameters(tmp_path / "a"), Folder(tmp_path / "shared"))
    served.endless = archive_name(row)
    with pytest.raises(InputError, match="isn't what its hash says"):
        pull("gentle", open_shelf(served.url), tmp_path / "b")
    monkeypatch.setattr("policies.sharing.MAX_INDEX_BYTES", 1_000_000)
    served.endless = INDEX
    with pytest.raises(InputError, match=r"has no index\.json that can be read"):
        rows_of(open_shelf(served.url))
    assert served.sent < 50_000_000


def test_a_server_that_fails_or_is_no_zoo_is_told(served: FileServer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no index\.json that can be read, so it is no shared zoo"):
        rows_of(open_shelf(served.url))
    served.fails = True
    with pytest.raises(Unreachable, match="the server says 500"):
        rows_of(open_shelf(served.url))


@pytest.mark.parametrize(
    "answer",
    [
        b"hello\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000,
    ],
)
def test_what_is_no_web_server_is_told(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            with server.accept()[0] as one:
                one.recv(10_000)
                one.sendall(answer)

        threading.Thread(target=speak, daemon=True).start()
        with pytest.raises(Unreachable, match=r"index\.json: "):
            rows_of(open_shelf(f"http://127.0.0.1:{server.getsockname()[1]}"))


def test_the_last_index_counts_where_the_zoo_cannot_be_reached(served: FileServer, tmp_path: Path) -> None:
    row = push(write_parameters(tmp_path / "a"), Folder(tmp_path / "shared"))
    web = open_shelf(served.url)
    assert rows_known(web).problems == ()
    served.close()
    offline = rows_known(web)
    assert offline.rows == (row,) and "this is what it had on 2" in str(offline.problems[0])
    with pytest.raises(Unreachable, match="can't be reached"):
        rows_known(open_shelf("http://127.0.0.1:9/zoo"))


def test_a_folder_that_is_not_there_is_told_and_a_url_of_no_kind_too(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="is no folder"):
        rows_of(open_shelf(str(tmp_path / "nowhere")))
    for url in ("odd://zoo", "https://[bad", "github://x", "~nobody-of-this-name/zoo"):
        with pytest.raises(InputError, match="can't be opened"):
            open_shelf(url)
    with pytest.raises(InputError, match="--store: is empty"):
        open_shelf("")


def test_a_folder_is_the_same_from_wherever_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zoo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert open_shelf("zoo").url == open_shelf(str(tmp_path / "zoo")).url


def test_a_bucket_that_is_not_there_is_told(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"s3://nowhere/zoo/archives/.* can't be used"):
        push(write_parameters(tmp_path / "a"), Remote("s3://nowhere/zoo"))


@pytest.mark.parametrize("whose", ["trusted", "unknown", "nobody"])
def test_where_keys_are_listed_only_what_they_signed_comes_in(tmp_path: Path, home: Path, whose: str) -> None:
    key, shelf = tmp_path / "key.pem", Folder(tmp_path / "shared")
    public = write_key(key)
    row = push(write_parameters(tmp_path / "a"), shelf, None if whose == "nobody" else key)
    assert row.key == ("" if whose == "nobody" else public)
    home.mkdir()
    listed = public if whose != "unknown" else write_key(tmp_path / "other.pem")
    (home / "trusted_keys").write_text(f"# whom we trust\n\n{listed} the cell next door\n")
    if whose == "trusted":
        assert pull("gentle", shelf, tmp_path / "b")[1] == "signed by the cell next door"
    else:
        with pytest.raises(InputError, match=r"gentle@1\.0\.0: .*, and add their key to .*trusted_keys"):
            pull("gentle", shelf, tmp_path / "b")
        assert not (tmp_path / "b").exists()


def test_a_list_of_keys_that_cannot_be_read_lets_nothing_in(tmp_path: Path, home: Path) -> None:
    shelf = Folder(tmp_path / "shared")
    push(write_parameters(tmp_path / "a"), shelf)
    home.mkdir()
    (home / "trusted_keys").write_text("not-a-key somebody\n")
    with pytest.raises(InputError, match="trusted_keys:1: 'not-a-key' is no Ed25519 public key"):
        pull("gentle", shelf, tmp_path / "b")


def test_a_key_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("secret")
    folder = write_parameters(tmp_path / "a")
    with pytest.raises(InputError, match=r"holds no private key in PEM .*; make one: openssl genpkey"):
        push(folder, Folder(tmp_path / "shared"), tmp_path / "key.pem")


def test_links_on_a_shelf_are_not_followed(tmp_path: Path) -> None:
    shelf = Folder(tmp_path / "shared")
    row = push(write_parameters(tmp_path / "a"), shelf)
    secret = tmp_path / "secret"
    secret.write_bytes(read(shelf, archive_name(row), 10**6))
    (tmp_path / "shared" / archive_name(row)).unlink()
    (tmp_path / "shared" / archive_name(row)).symlink_to(secret)
    with pytest.raises(InputError, match="is a link"):
        pull("gentle", shelf, tmp_path / "b")


def test_drafts_of_those_who_were_killed_are_swept(tmp_path: Path) -> None:
    shelf = Folder(tmp_path / "shared")
    push(write_parameters(tmp_path / "a"), shelf)
    old = tmp_path / "shared/.drafts/old"
    old.write_bytes(b"half")
    os.utime(old, (0, 0))
    push(write_parameters(tmp_path / "a", name="next"), shelf)
    assert not list((tmp_path / "shared/.drafts").iterdir())


def test_several_who_push_and_pull_some_of_them_killed_lose_nothing(tmp_path: Path) -> None:
    found = race(tmp_path, shared=24, processes=4, kills=4, seed=1)
    assert found.pop("zoo_race_killed") > 0
    assert found == {
        "zoo_race_rows": 24, "zoo_race_in_index": 24, "zoo_race_sound": 24,
        "zoo_race_lost": 0, "zoo_race_half_visible": 0, "zoo_race_failed": 0,
    }  # fmt: skip


@pytest.mark.long
def test_eight_who_push_and_pull_200_some_of_them_killed_lose_nothing(tmp_path: Path) -> None:
    found = race(tmp_path, shared=200, processes=8, kills=40, seed=2)
    assert found["zoo_race_rows"] == found["zoo_race_in_index"] == found["zoo_race_sound"] == 200
    assert found["zoo_race_half_visible"] == found["zoo_race_failed"] == 0


def read_or_none(shelf: Shelf, name: str) -> bytes | None:
    """A file of a shelf, if it is there."""
    try:
        return read(shelf, name, 10**6)
    except FileNotFoundError:
        return None
