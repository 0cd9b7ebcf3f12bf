"""One call of UN Comtrade's API v1: the address, the key, and what its refusals mean.

With a key ``data/v1/get`` gives up to 100,000 rows a call, without one ``public/v1/preview`` gives
500. The key goes in a header, never in the address. 401 and 403 are final: another call would use
up more of the quota. https://comtradedeveloper.un.org describes the products and their quotas.
"""

import json
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from ingest.fetching.comtrade_answer import Answer, read_answer
from ingest.fetching.comtrade_query import MAX_URL, Query
from ingest.fetching.errors import AnswerRefused, FetchFailed, KeyRefused, QuotaExhausted
from ingest.fetching.http import PoliteClient, Request, shown

BASE = "https://comtradeapi.un.org"
KEY_HEADER = "Ocp-Apim-Subscription-Key"
LIMIT_WITH_KEY, LIMIT_WITHOUT = 100_000, 500
MAX_ANSWER_BYTES = 512 * 1024**2  # 100,000 rows are about 100 MB
MAX_RELEASES_BYTES = 16 * 1024**2
GET_A_KEY = "https://comtradedeveloper.un.org gives keys; put yours into DVINA_COMTRADE_KEY."
_REPLENISHED = re.compile(r"replenished in (?:(\d+)\.)?(\d+):(\d+):(\d+)")


class AddressTooLong(Exception):
    """Raised when the publisher finds an address too long; the query is to be split."""


class Api:
    """The publisher, asked with a key or without."""

    def __init__(
        self,
        client: PoliteClient,
        key: SecretStr | None = None,
        *,
        base: str = BASE,
        limit: int | None = None,
    ) -> None:
        self._client = client
        self._base = base.rstrip("/")
        self.dataset = client.dataset
        self.who = f"{client.dataset}: {httpx.URL(self._base).host}"
        self._secret = {KEY_HEADER: self._sound(key)} if key and key.get_secret_value() else {}
        self.limit = limit or (LIMIT_WITH_KEY if self._secret else LIMIT_WITHOUT)

    def fits(self, query: Query) -> bool:
        """True when the query's address is short enough to be sent."""
        return len(self._url(query)) <= MAX_URL

    def answer(self, query: Query, body: Path) -> Answer:
        """The answer to a query, saved to ``body``: whole, and without an error of its own.

        Raises AddressTooLong, AnswerRefused, HostileInput, FetchFailed and its kinds, OSError.
        """
        return self._answer(self._url(query), body)

    def count(self, query: Query, body: Path) -> int:
        """Rows that the query has by the publisher's count; raises as ``answer`` does."""
        return self._answer(self._url(query, count_only=True), body).count

    def releases(self, reporter: str, query: Query, body: Path) -> dict[str, str]:
        """When each period of a reporter was last released, in the publisher's words.

        Of the query only the kind counts; all periods of its frequency are told.
        """
        service = "data/v1/getDa" if self._secret else "public/v1/getDA"
        url = f"{self._base}/{service}/{query.path}?{urlencode({'reporterCode': reporter})}"
        self._client.ask(
            Request(url, secret=self._secret),
            lambda response: self._save(response, body, MAX_RELEASES_BYTES),
        )
        return _released(body, self.who, reporter)

    def _url(self, query: Query, *, count_only: bool = False) -> str:
        service = "data/v1/get" if self._secret else "public/v1/preview"
        return query.url(f"{self._base}/{service}", limit=self.limit, count_only=count_only)

    def _answer(self, url: str, body: Path) -> Answer:
        def take(response: httpx.Response) -> Answer:
            self._save(response, body, MAX_ANSWER_BYTES)
            return read_answer(body, self.who)

        return self._client.ask(Request(url, secret=self._secret), take)

    def _save(self, response: httpx.Response, body: Path, max_bytes: int) -> None:
        if response.status_code != 200:
            self._refuse(response)
        with body.open("wb") as file:
            for piece in self._client.body(response, max_bytes):
                file.write(piece)

    def _sound(self, key: SecretStr) -> SecretStr:
        text = key.get_secret_value().strip()
        if not re.fullmatch(r"[!-~]+", text):  # it could not be sent in a header
            raise KeyRefused(f"{self.who} cannot have given this key: it holds odd characters.")
        return SecretStr(text)

    def _refuse(self, response: httpx.Response) -> None:
        status, words = response.status_code, self._message(response)
        if status == 414:
            raise AddressTooLong
        if status == 401:
            raise KeyRefused(f"{self.who} wants a valid key ({words}). {GET_A_KEY}")
        if status == 403 and "quota" in words.lower():
            raise QuotaExhausted(
                f"{self.who} gives no more: the quota of calls is used up{_until(words)}. "
                "Run again then: what is here already is not asked for again."
            )
        if status == 403:
            raise KeyRefused(f"{self.who} does not let this key do it ({words}). {GET_A_KEY}")
        raise FetchFailed(
            f"{self.who} answered {status} to {shown(str(response.url))} ({words}). "
            "Check the query against the publisher's documentation."
        )

    def _message(self, response: httpx.Response) -> str:
        """The publisher's words, short enough for a message."""
        words = self._client.words(response)
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            words = str(json.loads(words)["message"])
        return " ".join(words.split())[:300] or "no reason given"


def _until(words: str) -> str:
    """``14.07:13:56`` in the words of Azure API Management: days, hours, minutes, seconds."""
    told = _REPLENISHED.search(words)
    if not told:
        return ""
    days, hours, minutes = int(told[1] or 0), int(told[2]), int(told[3])
    return f"; it is replenished in {days} days, {hours} h {minutes} min"


def _released(body: Path, who: str, reporter: str) -> dict[str, str]:
    try:
        entries = json.loads(body.read_bytes())["data"]
        released: dict[str, str] = {}
        for entry in entries:  # one a year or month and classification: a few hundred
            if str(entry["reporterCode"]) == reporter:
                period, moment = str(entry["period"]), str(entry["lastReleased"])
                released[period] = max(moment, released.get(period, ""))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise AnswerRefused(
            f"{who} gave no list of releases as it documents. Run again; without the list "
            "every period is asked for."
        ) from error
    return released
