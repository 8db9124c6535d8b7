"""A web server on loopback that serves a folder, knows ranges, and can be told to misbehave."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class FileServer:
    """Serves ``folder`` at ``url``. ``ranges``: whether it knows them; ``cut``: after how many bytes of a zip file it
    breaks off; ``endless``: a name that it never stops sending; ``fails``: it says 500. ``asked`` are name and range of
    each request, ``sent`` the bytes of bodies."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ranges, self.cut, self.endless, self.fails = folder, True, 10**12, "", False
        self.asked: list[tuple[str, str]] = []
        self.sent = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a GET."""
        name, asked = request.path.lstrip("/"), request.headers.get("Range", "")
        self.asked.append((name, asked))
        path = self.folder / name
        if self.fails or not (path.is_file() or name == self.endless):
            request.send_error(500 if self.fails else 404)
            return
        if name == self.endless:
            request.send_response(200)
            request.end_headers()
            try:
                while True:
                    request.wfile.write(b" " * 65536)
                    self.sent += 65536
            except OSError:  # the reader has had enough
                return
        raw, found = path.read_bytes(), re.fullmatch(r"bytes=(\d+)-", asked)
        start = int(found[1]) if found and self.ranges else 0
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(raw) - start))
        request.end_headers()
        body = raw[start : start + self.cut] if name.endswith(".zip") else raw
        request.wfile.write(body)
        self.sent += len(body)
        request.close_connection = True

    def close(self) -> None:
        """Stop serving."""
        self.http.shutdown()
        self.http.server_close()
