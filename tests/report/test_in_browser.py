"""The page in a headless Chromium: nothing on the console, nothing requested, charts drawn, tables sorted, phones and paper served.

Reference pictures lie in `data/`; `INFERSTACK_NEW_REFERENCES=1` takes them anew. They are compared as grey values of 24 x 24 pixel
tiles, so that another font does not fail them and a lost chart does.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from inferstack.report.page import page
from tests.report import made

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--font-render-hinting=none",
]  # fmt: skip
WIDTHS = (1280, 390)
PICTURED = ("decision", "candidates", "memory-of-a-gpu", "latency", "cost", "bought", "break-even")
CHARTS = {"pareto": "circle", "memory": "rect", "curve-ttft": "circle", "curve-itl": "circle", "break-even-chart": "path.line"}
DIFFERENT = 0.04
"""Mean difference of grey values (0 to 1), above which a section looks otherwise."""
COMPARE = """async ([one, other]) => {
  const grey = async (data) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    const [w, h] = [Math.ceil(image.width / 24), Math.ceil(image.height / 24)];
    const canvas = new OffscreenCanvas(w, h), context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, w, h);
    return {h, w, values: [...context.getImageData(0, 0, w, h).data].filter((_, i) => i % 4 === 0).map((v) => v / 255)};
  };
  const [a, b] = [await grey(one), await grey(other)];
  const rows = Math.min(a.h, b.h);
  let sum = 0;
  for (let i = 0; i < rows * a.w; i++) sum += Math.abs(a.values[i] - b.values[i]);
  return {difference: sum / (rows * a.w), heights: [a.h, b.h], widths: [a.w, b.w]};
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(made.whole()))
    return path.as_uri()


class Opened:
    """A page with everything that it said and asked for."""

    def __init__(self, browser: sync_api.Browser, address: str, width: int, scheme: str = "light") -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda one: self.said.append(one.text))
        self.page.on("pageerror", lambda one: self.said.append(str(one)))
        self.page.on("request", lambda one: self.asked.append(one.url))
        self.page.goto(address)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_opens_without_a_word_on_the_console_and_asks_for_nothing_but_itself(
    browser: sync_api.Browser, address: str, width: int, scheme: str
) -> None:
    """And is not wider than the screen: wide tables scroll inside their own box."""
    opened = Opened(browser, address, width, scheme)
    assert [] == opened.said
    assert [address] == opened.asked
    assert width == opened.page.evaluate("document.documentElement.scrollWidth")


def test_the_charts_are_drawn(browser: sync_api.Browser, address: str) -> None:
    """Every mark lies inside its picture and has a size."""
    opened = Opened(browser, address, 1280)
    for name, marks in CHARTS.items():
        inside = opened.page.evaluate(
            """([name, marks]) => {
              const box = document.getElementById(name).getBoundingClientRect();
              return [...document.querySelectorAll(`#${name} ${marks}`)].map((mark) => {
                const one = mark.getBoundingClientRect();
                return one.left >= box.left && one.right <= box.right + 1 && one.top >= box.top && one.bottom <= box.bottom;
              });
            }""",
            [name, marks],
        )
        assert len(inside) >= 3, name
        assert all(inside), name


def test_a_click_on_a_head_sorts_and_a_second_one_turns_it_round(browser: sync_api.Browser, address: str) -> None:
    """By number, not by letter; with the keyboard as well."""
    opened = Opened(browser, address, 1280)
    prices = "[...document.querySelectorAll('#candidates-table tbody tr')].map((row) => Number(row.cells[5].dataset.sort))"
    head = opened.page.locator("#candidates-table th").nth(5)
    head.locator("button").click()
    up = opened.page.evaluate(prices)
    assert up == sorted(up) and len(set(up)) > 2
    assert "ascending" == head.get_attribute("aria-sort")
    head.locator("button").press("Enter")
    assert sorted(up, reverse=True) == opened.page.evaluate(prices)
    assert "descending" == head.get_attribute("aria-sort")


def test_text_and_ground_differ_enough_in_both_schemes(browser: sync_api.Browser, address: str) -> None:
    """WCAG's contrast of 4.5 for ordinary and for soft text."""
    script = """(name) => {
      const probe = document.body.appendChild(document.createElement("i"));
      probe.style.color = `var(${name})`;
      const parts = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map((v) => v / 255);
      const [r, g, b] = parts.map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }"""
    for scheme in ("light", "dark"):
        opened = Opened(browser, address, 1280, scheme)
        shades = {name: opened.page.evaluate(script, name) for name in ("--bg", "--panel", "--fg", "--soft", "--accent", "--bad", "--warn")}
        for name in ("--fg", "--soft", "--accent", "--bad", "--warn"):
            for ground in ("--bg", "--panel"):
                low, high = sorted((shades[name], shades[ground]))
                assert (high + 0.05) / (low + 0.05) >= 4.5, (scheme, name, ground)


def test_it_prints_with_the_folded_parts_open(browser: sync_api.Browser, address: str) -> None:
    opened = Opened(browser, address, 1280)
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.page.evaluate("[...document.querySelectorAll('details')].every((part) => part.open)")
    assert opened.page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PICTURED)
def test_a_section_looks_as_its_reference(browser: sync_api.Browser, address: str, name: str, width: int) -> None:
    opened = Opened(browser, address, width)
    taken = opened.page.locator(f"section#{name}").screenshot()
    reference = made.DATA / f"{name}-{width}.png"
    if os.environ.get("INFERSTACK_NEW_REFERENCES"):
        Path(reference).write_bytes(taken)
    blank = browser.new_page()
    found = blank.evaluate(COMPARE, [base64.b64encode(one).decode() for one in (taken, reference.read_bytes())])
    assert found["widths"][0] == found["widths"][1]
    assert abs(found["heights"][0] - found["heights"][1]) <= 0.25 * found["heights"][1]
    assert found["difference"] < DIFFERENT
