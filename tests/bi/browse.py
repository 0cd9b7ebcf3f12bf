"""Opens each dashboard in headless Chromium, runs in Superset's environment (it has playwright).

Usage: browse.py ADDRESS PASSWORD FOLDER SLUG ... Prints one line of JSON: for each slug the answers
to the charts' requests for data, as the page itself got them. FOLDER gets a picture of each.
"""

import json
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, Response, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--lang=en-US",
]  # fmt: skip
WAITS_S = 120


def main(address: str, password: str, folder: str, slugs: list[str]) -> None:
    """Log in, open one dashboard after the other, wait until its charts are there."""
    seen: dict[str, list[dict[str, object]]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000}, locale="en-US")
        page.goto(f"{address}/login/")
        page.fill("input[name=username], #username", "admin")
        page.fill("input[name=password], #password", password)
        page.press("input[name=password], #password", "Enter")
        page.wait_for_url(lambda url: "/login" not in url, timeout=60_000)
        for slug in slugs:
            seen[slug] = _open(page, f"{address}/superset/dashboard/{slug}/", Path(folder), slug)
        browser.close()
    print(json.dumps(seen))


def _open(page: Page, url: str, folder: Path, slug: str) -> list[dict[str, object]]:
    answers: list[Response] = []

    def keep(response: Response) -> None:
        if "/chart/data" in response.url or "/explore_json/" in response.url:
            answers.append(response)

    page.on("response", keep)
    page.set_viewport_size({"width": 1500, "height": 1000})
    page.goto(f"{url}?standalone=1&expand_filters=0", wait_until="domcontentloaded")
    page.wait_for_selector(".dashboard-component-chart-holder", timeout=WAITS_S * 1000)
    height = page.evaluate("document.querySelector('.dashboard').scrollHeight")
    page.set_viewport_size({"width": 1500, "height": int(height) + 40})
    _settle(page, answers)
    page.screenshot(path=folder / f"{slug}.png")
    page.remove_listener("response", keep)
    return [_told(answer) for answer in answers]


def _settle(page: Page, answers: list[Response]) -> None:
    """Until no chart loads any more and none has been asked for since three seconds."""
    deadline, quiet, last = time.monotonic() + WAITS_S, 0.0, -1
    while time.monotonic() < deadline and quiet < 3:
        page.wait_for_timeout(500)
        loading = page.locator(".loading, [data-test=loading-indicator]").count()
        quiet = quiet + 0.5 if not loading and len(answers) == last else 0.0
        last = len(answers)


def _told(answer: Response) -> dict[str, object]:
    """Which chart was answered (its number in Superset), and with how many rows."""
    asked = json.loads(answer.request.post_data or "{}") if "/chart/data" in answer.url else {}
    form = asked.get("form_data", {})
    try:
        body = answer.json()
    except ValueError:
        body = {"message": answer.status_text}
    results = body.get("result", [body] if "data" in body else [])
    rows = [len(result.get("data") or []) for result in results]
    error = body.get("message") or next((r.get("error") for r in results if r.get("error")), None)
    return {
        "chart": form.get("slice_id"),
        "kind": form.get("viz_type") or ("world_map" if "explore_json" in answer.url else "filter"),
        "status": answer.status,
        "rows": rows,
        "error": error,
    }


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
