"""A publisher on loopback: gives UN Comtrade's answers from files, one for each year.

``python -m bench.server FILE ...`` prints its address and serves until its input ends, so that it
never outlives who started it.
"""

import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE, Popen
from urllib.parse import parse_qs, urlsplit


@contextmanager
def serving(files: list[Path]) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-m", "bench.server", *map(str, files)]
    with Popen(
        command, stdin=PIPE, stdout=PIPE, text=True, cwd=Path(__file__).parent.parent
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        try:
            yield run.stdout.readline().strip()
        finally:
            run.stdin.close()


def _serve(files: list[str]) -> None:
    by_year = {re.findall(r"answer-(\d+)-", name)[-1]: Path(name) for name in files}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            path = by_year.get(asked.get("period", [""])[0])
            self.send_response(200 if path else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(path.stat().st_size if path else 0))
            self.end_headers()
            if path:
                with path.open("rb") as file:
                    shutil.copyfileobj(file, self.wfile, 1024**2)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve(sys.argv[1:])
