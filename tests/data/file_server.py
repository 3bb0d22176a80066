"""A web server on this machine that serves one file, as well or as badly as a test wants."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """`answers` says how the next requests are answered; the last one stays.

    whole: status 200, whatever Range says. range: 206 where a Range comes. cut: like range, but closes half-way.
    hold: like range, but waits half-way until `released`. A number: that status and no file.
    """

    def __init__(self, data: bytes) -> None:
        self.data, self.answers = data, ["range"]
        self.ranges: list[str | None] = []
        self.sent = 0
        self.half_sent, self.released = threading.Event(), threading.Event()
        self.url = ""

    def next_answer(self) -> str | int:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving(data: bytes) -> Iterator[FileServer]:
    state = FileServer(data)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/file.bin"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: FileServer

    def do_GET(self) -> None:
        state, answer = self.state, self.state.next_answer()
        wanted = self.headers["Range"]
        state.ranges.append(wanted)
        if isinstance(answer, int):
            self.send_error(answer)
            return
        start = 0
        if wanted is not None and answer != "whole":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(state.data):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(state.data) - 1}/{len(state.data)}")
        else:
            self.send_response(200)
        body = state.data[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2
        self._send(body[:half])
        if answer == "cut":
            self.close_connection = True
            return
        if answer == "hold":
            state.half_sent.set()
            state.released.wait(30)
        self._send(body[half:])

    def _send(self, piece: bytes) -> None:
        try:
            self.wfile.write(piece)
            self.wfile.flush()
            self.state.sent += len(piece)
        except ConnectionError:  # the client was killed
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Keep quiet."""
