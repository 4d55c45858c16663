"""A server on this machine with the faults that real ones have."""

import hashlib
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeServer:
    """Files with ranges; `faults` says what goes wrong with the next requests.

    Each fault is one of "cut" (closes after a third), "no range", "error", "longer",
    or None, and is used up by one request that asks for more than one byte.
    """

    def __init__(self):
        self.files = {}
        self.requests = []
        self.faults = []
        self.with_etag = True

    def list_datasets(self, round_num=None):
        return sorted(self.files)

    def raw_query(self, query, variables=None, authorization=False):
        name = variables["filename"]
        return {"data": {"dataset": f"http://127.0.0.1:{self.port}/{name}?sig=secret"}}


class QuietServer(ThreadingHTTPServer):
    """A client that goes away is part of the tests, not an error to print."""

    def handle_error(self, request, client_address):
        pass


@contextmanager
def serving():
    """Yield a FakeServer that answers, and stop it."""
    fake = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            answer(fake, self)

    server = QuietServer(("127.0.0.1", 0), Handler)
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(fake, handler):
    content = fake.files[handler.path.split("?")[0].lstrip("/")]
    etag = f'"{hashlib.md5(content).hexdigest()}"'
    asked = handler.headers.get("Range")
    peek = asked == "bytes=0-0"
    fake.requests.append("peek" if peek else asked)
    fault = fake.faults.pop(0) if fake.faults and not peek else None
    if fault == "error":
        handler.send_error(503)
        return
    start, stop = 0, len(content)
    condition = handler.headers.get("If-Range")
    if asked and fault != "no range" and condition in (None, etag):
        first, last = re.fullmatch(r"bytes=(\d+)-(\d*)", asked).groups()
        start = int(first)
        stop = int(last) + 1 if last else len(content)
        if start >= len(content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
    else:
        handler.send_response(200)
    body = content[start:stop]
    handler.send_header("Content-Length", str(len(body)))
    if fake.with_etag:
        handler.send_header("ETag", etag)
    handler.end_headers()
    if fault == "cut":
        body = body[: len(body) // 3]
        handler.close_connection = True
    handler.wfile.write(body)
