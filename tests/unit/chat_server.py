"""A real server on loopback that speaks the chat-completions protocol and answers as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-secret-0123456789"
Body = dict[str, Any]
Handler = Callable[[BaseHTTPRequestHandler, Body], None]


class ChatServer:
    """Answers chat completions as a test says; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Body] = []
        self.answer: Handler = says()
        outer = self

        class Handling(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body | {"path": self.path})
                with suppress(OSError):  # the client may have hung up
                    outer.answer(self, body)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handling)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def completion(asked: Body, tool: str, arguments: Body) -> bytes:
    """A chat completion that calls the output tool whose name ends in ``tool``."""
    name = next(t["function"]["name"] for t in asked["tools"] if t["function"]["name"].endswith(tool))
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return json.dumps(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    ).encode()


def says(tool: str = "Clarify", **arguments: Any) -> Handler:
    return lambda handler, asked: send(handler, completion(asked, tool, {"schema_version": 1, **arguments}))


def plans(*planned: Body, **more: Any) -> Handler:
    return says("Plan", steps=list(planned), **more)


def step(skill: str, thing: str | None, target: str | None = None, quantity: Any = None, **params: Any) -> Body:
    return {"skill": skill, "object": thing, "target": target, "quantity": quantity, "params": params}


def settings(**values: Any) -> list[Body]:
    return [{"name": name, "value": value} for name, value in values.items()]
