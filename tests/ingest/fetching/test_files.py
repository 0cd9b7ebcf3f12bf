"""Files of a publisher on loopback: whole, resumed, or not modified."""

import hashlib
import os
import re
import stat
import threading
from pathlib import Path

import pytest

from ingest.errors import HostileInput, StorageFailed
from ingest.fetching.errors import FetchFailed
from ingest.fetching.files import PART, Download, Progress, download, name_of
from ingest.fetching.http import PoliteClient
from tests.ingest.fetching.publisher import QUICK, Asked, FakeClock, Play, Said, in_turn, publishing

BODY = bytes(range(256)) * 8_000  # 2 MB
BETTER = bytes(reversed(range(256))) * 8_000


class FileServer:
    """Serves one file as RFC 9110 has it, and cuts the first answers after so many bytes."""

    def __init__(self, body: bytes = BODY, etag: str = '"v1"', cuts: tuple[int, ...] = ()) -> None:
        self.body, self.etag, self.cuts = body, etag, list(cuts)

    def __call__(self, asked: Asked) -> Said:
        headers = {"ETag": self.etag} if self.etag else {}
        cut = self.cuts.pop(0) if self.cuts else None
        start = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
        if self.etag and asked.headers.get("if-none-match") == self.etag:
            return Said(304, headers=headers)
        if start and asked.headers.get("if-range") == self.etag:
            here = int(start[1])
            where = f"bytes {here}-{len(self.body) - 1}/{len(self.body)}"
            return Said(206, self.body[here:], headers | {"Content-Range": where}, cut)
        return Said(200, self.body, headers, cut)


def get(url: str, folder: Path, progress: Progress | None = None, **more: int) -> Download:
    with PoliteClient("toy_flows", QUICK, FakeClock().clock) as client:
        return download(client, url, folder, progress=progress, **more)


def test_a_file_comes_whole_and_private_with_its_hash(tmp_path: Path) -> None:
    with publishing(FileServer()) as publisher:
        got = get(f"{publisher.url}/data/flows%202020.csv.gz?token=1", tmp_path / "files")
        assert publisher.asked[0].headers["accept-encoding"] == "identity"
    assert got.path.read_bytes() == BODY
    assert (got.name, got.bytes, got.modified) == ("flows 2020.csv.gz", len(BODY), True)
    assert got.sha256 == hashlib.sha256(BODY).hexdigest()
    assert stat.S_IMODE(got.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(got.path.parent.stat().st_mode) == 0o700
    assert not (got.path.parent / PART).exists()


def test_a_file_that_did_not_change_is_not_sent_again(tmp_path: Path) -> None:
    with publishing(FileServer()) as publisher:
        first = get(f"{publisher.url}/a.csv", tmp_path)
        again = get(f"{publisher.url}/a.csv", tmp_path)
        assert publisher.asked[1].headers["if-none-match"] == '"v1"'
    assert (again.modified, again.path, again.sha256) == (False, first.path, first.sha256)


def test_last_modified_is_enough_for_a_conditional_request(tmp_path: Path) -> None:
    day = "Wed, 21 Oct 2015 07:28:00 GMT"

    def play(asked: Asked) -> Said:
        known = asked.headers.get("if-modified-since") == day
        return Said(304) if known else Said(body=BODY, headers={"Last-Modified": day})

    with publishing(play) as publisher:
        assert get(publisher.url, tmp_path).modified
        assert not get(publisher.url, tmp_path).modified


def test_the_same_bytes_sent_again_are_not_modified(tmp_path: Path) -> None:
    with publishing(FileServer(etag="")) as publisher:
        assert get(publisher.url, tmp_path).modified
        assert not get(publisher.url, tmp_path).modified


def test_a_changed_file_takes_the_place_of_the_former(tmp_path: Path) -> None:
    server = FileServer()
    with publishing(server) as publisher:
        get(publisher.url, tmp_path)
        server.body, server.etag = BETTER, '"v2"'
        got = get(publisher.url, tmp_path)
    assert got.modified
    assert got.path.read_bytes() == BETTER


def test_a_file_that_was_lost_or_cut_here_is_fetched_again(tmp_path: Path) -> None:
    with publishing(FileServer()) as publisher:
        got = get(publisher.url, tmp_path)
        got.path.write_bytes(b"cut")
        again = get(publisher.url, tmp_path)
        assert "if-none-match" not in publisher.asked[1].headers
    assert again.path.read_bytes() == BODY


def test_a_cut_download_goes_on_where_it_ended(tmp_path: Path) -> None:
    with publishing(FileServer(cuts=(700_000, 600_000))) as publisher:
        got = get(publisher.url, tmp_path)
        ranges = [asked.headers.get("range") for asked in publisher.asked]
    assert got.path.read_bytes() == BODY
    assert ranges[0] is None
    starts = [int(r.removeprefix("bytes=").removesuffix("-")) for r in ranges[1:] if r]
    assert len(starts) == 2
    assert 500_000 < starts[0] <= 700_000
    assert starts[0] < starts[1] <= 1_300_000


def test_a_later_run_goes_on_with_what_an_earlier_one_left(tmp_path: Path) -> None:
    server = FileServer(cuts=(1_000_000, 0, 0, 0, 0, 0))
    with publishing(server) as publisher:
        with pytest.raises(FetchFailed, match="toy_flows"):
            get(publisher.url, tmp_path)
        got = get(publisher.url, tmp_path)
        assert publisher.asked[-1].headers["if-range"] == '"v1"'
    assert got.path.read_bytes() == BODY


def test_a_file_that_changed_while_it_was_cut_is_begun_anew(tmp_path: Path) -> None:
    server = FileServer(cuts=(1_000_000, 0, 0, 0, 0, 0))
    with publishing(server) as publisher:
        with pytest.raises(FetchFailed):
            get(publisher.url, tmp_path)
        server.body, server.etag = BETTER, '"v2"'
        got = get(publisher.url, tmp_path)
    assert got.path.read_bytes() == BETTER


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_validator_a_cut_download_is_begun_anew(tmp_path: Path, etag: str) -> None:
    with publishing(FileServer(etag=etag, cuts=(700_000,))) as publisher:
        got = get(publisher.url, tmp_path)
        assert "range" not in publisher.asked[1].headers
    assert got.path.read_bytes() == BODY


@pytest.mark.parametrize(
    "strange",
    [
        Said(416),
        Said(206, b"zzz", {"ETag": '"v1"', "Content-Range": "bytes 5-7/8"}),
        Said(206, b"zzz", {"ETag": '"v2"', "Content-Range": f"bytes 512000-512002/{len(BODY)}"}),
        Said(206, b"zzz", {"ETag": '"v1"'}),
    ],
)
def test_an_answer_that_does_not_fit_the_part_begins_anew(tmp_path: Path, strange: Said) -> None:
    server, cut = FileServer(), FileServer(cuts=(700_000,))
    plays: list[Play] = [cut, lambda _: strange]
    with publishing(lambda asked: (plays.pop(0) if plays else server)(asked)) as publisher:
        got = get(publisher.url, tmp_path)
    assert got.path.read_bytes() == BODY


def test_a_length_that_is_not_kept_is_asked_for_again(tmp_path: Path) -> None:
    short = Said(
        206, BODY[100:200], {"ETag": '"v1"', "Content-Range": f"bytes 100-199/{len(BODY)}"}
    )
    cut = Said(200, BODY, {"ETag": '"v1"'}, cut=100)
    server = FileServer()
    plays: list[Play] = [lambda _: cut, lambda _: short]
    with publishing(lambda asked: (plays.pop(0) if plays else server)(asked)) as publisher:
        got = get(publisher.url, tmp_path)
    assert got.path.read_bytes() == BODY


def test_a_file_larger_than_the_bound_is_refused(tmp_path: Path) -> None:
    for length in (True, False):
        with (
            publishing(in_turn([Said(body=BODY, length=length)])) as publisher,
            pytest.raises(HostileInput, match=r"toy_flows: .*1000 bytes"),
        ):
            get(publisher.url, tmp_path, max_bytes=1000)
    assert not list(tmp_path.rglob(PART))


def test_progress_is_told_as_it_goes(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with publishing(FileServer(cuts=(700_000,))) as publisher:
        get(publisher.url, tmp_path, lambda done, total: told.append((done, total)))
    assert len(told) > 4
    assert told == sorted(told)
    assert told[-1] == (len(BODY), len(BODY))


def test_a_missing_file_is_a_message_without_the_secret_part_of_its_address(tmp_path: Path) -> None:
    with (
        publishing(in_turn([Said(404)])) as publisher,
        pytest.raises(FetchFailed, match="404 Not Found") as caught,
    ):
        get(f"{publisher.url}/a.csv?sig=secret", tmp_path)
    assert "secret" not in str(caught.value)


def test_a_disk_that_refuses_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with (
        publishing(in_turn([Said(body=b"x")])) as publisher,
        pytest.raises(StorageFailed, match="toy_flows"),
    ):
        get(publisher.url, tmp_path / "file")


def test_a_packed_answer_is_unpacked_and_never_gone_on_with(tmp_path: Path) -> None:
    import gzip

    headers = {"Content-Encoding": "gzip", "ETag": '"v1"'}
    body = gzip.compress(os.urandom(1_000_000))
    answers = [Said(body=body, headers=headers, cut=600_000), Said(body=body, headers=headers)]
    with publishing(in_turn(answers)) as publisher:
        got = get(publisher.url, tmp_path)
        assert "range" not in publisher.asked[1].headers
    assert got.path.read_bytes() == gzip.decompress(body)


def test_two_who_fetch_the_same_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    got: list[Download] = []
    with publishing(FileServer()) as publisher:
        threads = [
            threading.Thread(target=lambda: got.append(get(publisher.url, tmp_path)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(one.modified for one in got) == [False, False, True]
    assert {one.path.read_bytes() for one in got} == {BODY}


@pytest.mark.parametrize(
    ("url", "disposition", "name"),
    [
        ("http://a/b/c.csv?x=y", "", "c.csv"),
        ("http://a/b/", "", "b"),
        ("http://a", "", "download"),
        ("http://a/x", 'attachment; filename="full_v2_202001.7z"', "full_v2_202001.7z"),
        ("http://a/x", "attachment; filename*=UTF-8''%D0%B3%D0%BE%D0%B4.csv", "год.csv"),
        ("http://a/x", 'attachment; filename="../../etc/passwd"', "passwd"),
        ("http://a/x", 'attachment; filename="..\\\\..\\\\boot.ini"', "boot.ini"),
        ("http://a/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "", "passwd"),
        ("http://a/x", 'attachment; filename=".fetched.json"', "fetched.json"),
        ("http://a/a%00b%0Ac.csv", "", "a_b_c.csv"),
        ("http://a/" + "я" * 300 + ".csv", "", "я" * 76 + ".csv"),
        ("http://a/..", "", "download"),
    ],
)
def test_names_are_safe(url: str, disposition: str, name: str) -> None:
    assert name_of(url, disposition) == name
