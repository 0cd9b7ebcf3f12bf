"""Pictures pages of Airflow in headless Chromium, in an environment of its own with playwright.

Usage: browse.py ADDRESS PASSWORD FOLDER NAME=HEIGHT,PAGE ...

FOLDER gets a picture NAME.png of each.
"""

import sys
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--lang=en-US",
]  # fmt: skip


def main(address: str, password: str, folder: str, pages: list[str]) -> None:
    """Log in, then open one page after the other."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(locale="en-US", device_scale_factor=1.5)
        page.goto(f"{address}/auth/login")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "/login" not in url, timeout=60_000)
        for told in pages:
            name, _, rest = told.partition("=")
            height, _, place = rest.partition(",")
            page.set_viewport_size({"width": 1300, "height": int(height)})
            page.goto(f"{address}/{quote(place)}", wait_until="domcontentloaded")
            page.wait_for_load_state("networkidle", timeout=60_000)
            page.wait_for_timeout(4000)  # the graph is laid out after its data came
            if page.locator(".react-flow__controls-fitview").count():
                page.locator(".react-flow__controls-fitview").first.click()
                page.wait_for_timeout(1500)
            page.screenshot(path=Path(folder) / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
