"""Servers that the notifier posts to: a chat robot with DingTalk's manners, and one that takes all."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

__all__ = ["Answer", "Post", "Robot", "Taker", "listening"]

Answer = tuple[int, bytes]


@dataclass(frozen=True)
class Post:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers.get("roomwatch-message-id", "")

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Taker:
    """Takes every post, unless told to answer otherwise."""

    answer: Callable[[Post], Answer] = lambda _: (200, b"{}")
    posts: list[Post] = field(default_factory=list)
    port: int = 0

    def url(self, scheme: str, path: str = "/hook") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def take(self, post: Post) -> Answer:
        self.posts.append(post)
        return self.answer(post)


@dataclass
class Robot(Taker):
    """A group robot: so many messages in any span of its clock, a size, error codes in an answer of 200.

    ``fault`` may answer instead; what was taken stands in ``taken``, what was too much in ``refused``.
    """

    now_ms: Callable[[], int] = lambda: 0
    messages: int = 20
    span_ms: int = 60_000
    bytes_max: int = 20_000
    fault: Callable[[int], Answer | None] = lambda _: None
    taken: list[Post] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _called_ms: list[int] = field(default_factory=list)

    def take(self, post: Post) -> Answer:
        self.posts.append(post)
        now_ms = self.now_ms()
        self._called_ms = [at for at in self._called_ms if now_ms - at < self.span_ms]
        if len(self._called_ms) >= self.messages:
            return self._refuse(130101, "send too fast, exceed 20 times per minute")
        self._called_ms.append(now_ms)
        if len(post.body) > self.bytes_max:
            return self._refuse(460101, "message too long, exceed 20000 bytes")
        if (instead := self.fault(len(self.posts))) is not None:
            return instead
        self.taken.append(post)
        return 200, b'{"errcode":0,"errmsg":"ok"}'

    def _refuse(self, code: int, why: str) -> Answer:
        self.refused.append(why)
        return 200, orjson.dumps({"errcode": code, "errmsg": why})


@contextlib.contextmanager
def listening(taker: Taker) -> Iterator[None]:
    """Serve on a free port for the length of a block; one request at a time is handed on."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                status, answer = taker.take(Post(self.path, headers, body))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        taker.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
