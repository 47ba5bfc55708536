"""Draw the pictures that show the course elsewhere, from the built book: `make pictures` runs it.

book/static/explorer.png stands in the README, book/static/social.png where the book is linked.
"""

from __future__ import annotations

import base64

from playwright.sync_api import Page, sync_playwright

from tools import ROOT, find_browser

STATIC = ROOT / "book" / "static"
LANDING = ROOT / "_build" / "html" / "index.html"
READY = "document.documentElement.dataset.widgets === 'ready'"
SOCIAL = """<!doctype html><meta charset="utf-8"><style>
  body {{ margin: 0; width: 1200px; height: 630px; display: grid; gap: 40px;
    grid-template-columns: 1fr 560px; align-items: center;
    background: #00588c; color: #fff; font-family: system-ui, sans-serif; }}
  header {{ padding-left: 64px; }} header img {{ width: 104px; }}
  h1 {{ font-size: 60px; line-height: 1.1; margin: 28px 0 20px; }}
  p {{ font-size: 27px; line-height: 1.4; margin: 0; color: #d6e9f7; }}
  main {{ background: #fff; padding: 24px 20px; border-radius: 18px 0 0 18px; }}
  main img {{ width: 100%; display: block; }}
</style>
<header><img src="{logo}" alt=""><h1>Attention as Kernel Regression</h1>
<p>From the mean to a transformer layer,<br>with a slider in every chapter.</p></header>
<main><img src="{fit}" alt=""></main>"""


def as_data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def explorer(page: Page):
    """The explorer of the landing page, drawn."""
    page.goto(LANDING.as_uri())
    page.wait_for_function(READY)
    page.wait_for_timeout(1500)
    return page.locator("[data-explorer]").first


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser.find_browser(), args=find_browser.ARGUMENTS
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, device_scale_factor=1.5)
        root = explorer(page)
        root.screenshot(path=STATIC / "explorer.png")
        fit = as_data("image/png", root.locator(".d2l-main").screenshot())
        page = browser.new_page(viewport={"width": 1200, "height": 630})
        logo = as_data("image/svg+xml", (STATIC / "logo.svg").read_bytes())
        page.set_content(SOCIAL.format(logo=logo, fit=fit))
        page.wait_for_timeout(500)
        page.screenshot(path=STATIC / "social.png")
        browser.close()


if __name__ == "__main__":
    main()
