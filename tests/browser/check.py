"""Opens a report in a browser, wide and narrow, light and dark, and looks for what no unit test sees.

Versions: Python 3.11, playwright 1.65.2; Chromium 147 (of the npm package @sparticuz/chromium 147.0.0, or any other);
axe-core 4.14.1 (npm). In a virtual environment outside the repository:

    python tests/browser/check.py report.html --axe node_modules/axe-core/axe.min.js [--chromium PATH] [--out FOLDER]

Fails where the page logs to the console, asks for anything from anywhere, is wider than its window, has a finding of axe,
or is walked through by the tabulator in another order than it is read in. Screenshots go to FOLDER.
"""

import argparse
import pathlib
import sys

from playwright.sync_api import sync_playwright

WIDTHS = [1280, 390]
SCHEMES = ["light", "dark"]
FOCUSABLE = "a[href], summary, [tabindex='0']"


def check(browser, page_path, axe, width, scheme, out):
    findings = []
    # axe is put into the page, which the page's own policy forbids.
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, device_scale_factor=1, bypass_csp=True
    )
    page = context.new_page()
    page.on("console", lambda message: findings.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: findings.append(f"error: {error}"))
    page.on("request", lambda r: r.url.startswith(("file:", "data:")) or findings.append(f"request: {r.url[:100]}"))
    page.goto(page_path.resolve().as_uri())
    if out:
        page.screenshot(path=out / f"{width}-{scheme}.png", full_page=True)
    order = []
    for _ in range(page.locator(FOCUSABLE).count()):
        page.keyboard.press("Tab")
        order.append(page.evaluate(f"[...document.querySelectorAll(\"{FOCUSABLE}\")].indexOf(document.activeElement)"))
        if order[-1] < 0:
            break  # The end of the page; closed details have been passed over.
    seen = [index for index in order if index >= 0]
    if seen != sorted(set(seen)) or not seen or seen[0] != 0:
        findings.append(f"keyboard order: {order}")
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    scroll = page.evaluate("document.documentElement.scrollWidth")
    if scroll > width:
        findings.append(f"{scroll} pixels wide")
    broken = page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
    if broken:
        findings.append(f"{broken} images do not show")
    page.add_script_tag(path=axe)
    result = page.evaluate("axe.run()")
    for violation in result["violations"]:
        nodes = "; ".join(node["html"][:120] for node in violation["nodes"][:3])
        findings.append(f"axe {violation['id']}: {violation['help']}: {nodes}")
    print(f"{width} {scheme}: {len(result['passes'])} rules of axe pass, {len(seen)} stops, {len(findings)} findings")
    context.close()
    return findings


def check_policy(browser, page_path):
    """The page under its own policy, without axe."""
    findings = []
    page = browser.new_page()
    page.on("console", lambda message: findings.append(f"console: {message.text}"))
    page.goto(page_path.resolve().as_uri())
    page.evaluate("document.images.length && document.images[0].scrollIntoView()")
    page.close()
    return findings


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("page", type=pathlib.Path)
    arguments.add_argument("--axe", required=True)
    arguments.add_argument("--chromium")
    arguments.add_argument("--out", type=pathlib.Path)
    given = arguments.parse_args()
    flags = ["--no-sandbox", "--no-zygote", "--disable-gpu"]
    with sync_playwright() as playwright:
        def with_browser(work, *arguments):
            # One for each: some builds run out of memory after a few large screenshots.
            browser = playwright.chromium.launch(executable_path=given.chromium, args=flags)
            try:
                return work(browser, given.page, *arguments)
            finally:
                browser.close()

        findings = with_browser(check_policy)
        for width in WIDTHS:
            for scheme in SCHEMES:
                findings += with_browser(check, given.axe, width, scheme, given.out)
    print("\n".join(findings))
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
