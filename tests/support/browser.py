"""Chromium without a window, by Playwright: does one thing a line of JSON on standard input, and answers with one.

Every page is strict: whatever it says on its console as an error, whatever it may not load, and whatever it asks of another
host is told as `trouble`.
"""

import json
import os
import shutil
import sys
import time
from urllib.parse import urlsplit

from playwright.sync_api import Error, sync_playwright

NAMES = ["chromium", "chromium-browser", "google-chrome"]
# As root there is no sandbox, and nothing is asked of the maker's hosts.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000


def chromium():
    named = os.environ.get("PORTCULLIS_TEST_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


class Session:
    def __init__(self, browser):
        self.browser = browser
        self.page = None
        self.trouble = []

    def open(self, url, width=1280, height=900, scheme="light", scale=1, touch=False):
        """Opens a page in a browser that nobody has used yet."""
        if self.page:
            self.page.context.close()
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            device_scale_factor=scale,
            has_touch=touch,
            locale="en-GB",
            timezone_id="UTC",
        )
        context.set_default_timeout(PATIENCE)
        self.page, host = context.new_page(), urlsplit(url).netloc
        self.page.on("console", lambda said: said.type == "error" and self.trouble.append(said.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", lambda asked: self.watch(asked.url, host))
        self.page.goto(url)

    def watch(self, url, host):
        parts = urlsplit(url)
        if parts.scheme != "data" and parts.netloc != host:
            self.trouble.append(f"asks for {url}")

    def go(self, url):
        self.page.goto(url)

    def press(self, key):
        self.page.keyboard.press(key)

    def type(self, text):
        self.page.keyboard.type(text)

    def click(self, selector):
        self.page.click(selector)

    def select(self, selector, value):
        self.page.select_option(selector, value)

    def wait(self, selector, state="visible"):
        self.page.wait_for_selector(selector, state=state)

    def until(self, expression):
        """Waits until an expression is true. The browser evaluates it: no page here may evaluate a string itself."""
        end = time.monotonic() + PATIENCE / 1000
        while time.monotonic() < end:
            try:
                if self.page.evaluate(expression):
                    return
            except Error:
                # Another page is just being loaded.
                pass
            time.sleep(0.02)
        raise Error(f"it never came true: {expression}")

    def drag(self, selector, start, end):
        """Drags over an element from one share of its width to another."""
        box = self.page.locator(selector).first.bounding_box()
        middle = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + start * box["width"], middle)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + end * box["width"], middle, steps=5)
        self.page.mouse.up()

    def tell(self, expression):
        return self.page.evaluate(expression)

    def photograph(self, path, whole=False):
        self.page.screenshot(path=path, full_page=whole, animations="disabled")


def main():
    path = chromium()
    if path is None:
        print(json.dumps({"missing": f"no Chromium: none of {', '.join(NAMES)} is there"}), flush=True)
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        session = Session(browser)
        print(json.dumps({"ready": browser.version}), flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            try:
                answer = {"answer": getattr(session, order.pop("do"))(**order)}
            except Error as error:
                answer = {"error": str(error)}
            print(json.dumps(answer | {"trouble": session.trouble}), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
