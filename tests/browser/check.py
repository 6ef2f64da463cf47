"""Opens a report in a browser, wide and narrow, light and dark, and looks for what no unit test sees.

Versions: Python 3.11, playwright 1.65.2; Chromium 147 (of the npm package @sparticuz/chromium 147.0.0, or any other);
axe-core 4.14.1 (npm). In a virtual environment outside the repository:

    python tests/browser/check.py report.html --axe node_modules/axe-core/axe.min.js [--chromium PATH] [--out FOLDER]

Fails where the page logs to the console, asks for anything from anywhere, is wider than its window, has text of less than
11 pixels, has a finding of axe, or is walked through by the tabulator in another order than it is read in; and where a table
does not sort, an image does not enlarge or the map does not show its images. Screenshots go to FOLDER.
"""

import argparse
import pathlib
import sys

from playwright.sync_api import sync_playwright

WIDTHS = [1440, 390]
SCHEMES = ["light", "dark"]
FOCUSABLE = "a[href], summary, [tabindex='0'], button:not([tabindex]), input, select"
SMALLEST = 11

# Of each text that is seen, its size on the screen: that of its style, times the scale of the plot that it is in.
SMALL_TEXTS = """least => {
  const small = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("script, style, title, desc, caption, option") ||
        !element.getClientRects().length) continue;
    const plot = element.closest("svg[viewBox]");
    const scale = plot ? plot.getScreenCTM().a : 1;
    const size = parseFloat(getComputedStyle(element).fontSize) * scale;
    if (size < least) small.add(size.toFixed(1) + " px: " + walker.currentNode.data.trim().slice(0, 30));
  }
  return [...small];
}"""


def check(browser, page_path, axe, width, scheme, out):
    findings = []
    # axe is put into the page, which the page's own policy forbids.
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, device_scale_factor=1, bypass_csp=True
    )
    page = context.new_page()
    page.on("console", lambda message: findings.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: findings.append(f"error: {error}"))
    # A name that became a script.
    page.on("dialog", lambda dialog: (findings.append(f"dialog: {dialog.message}"), dialog.dismiss()))
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
    findings += try_controls(page)
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    findings += page.evaluate(SMALL_TEXTS, SMALLEST)
    scroll = page.evaluate("document.documentElement.scrollWidth")
    if scroll > width:
        findings.append(f"{scroll} pixels wide")
    broken = page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
    if broken:
        findings.append(f"{broken} images do not show")
    page.add_script_tag(path=axe)
    violations, passes = [], set()
    for opened in [False, True]:
        # Once more with an image enlarged.
        if opened and page.locator(".enlarge").count():
            page.locator(".enlarge").first.focus()
            page.keyboard.press("Enter")
        result = page.evaluate("axe.run()")
        passes |= {rule["id"] for rule in result["passes"]}
        for violation in result["violations"]:
            nodes = "; ".join(node["html"][:120] for node in violation["nodes"][:3])
            violations.append(f"axe {violation['id']}: {violation['help']}: {nodes}")
    findings += violations
    print(
        f"{width} {scheme}: {len(passes)} rules of axe pass, {len(violations)} violations; "
        f"{len(seen)} stops, {len(findings)} findings"
    )
    context.close()
    return findings


def try_controls(page):
    """Sorts a table, enlarges an image and moves over the map, by keyboard."""
    findings = []
    recall = "[...document.querySelectorAll('table.sortable tbody tr')].map(row => parseFloat(row.cells[2].textContent))"
    sort = page.locator("table.sortable thead th button").nth(2)
    for reverse in [False, True]:
        sort.press("Enter")
        values = page.evaluate(recall)
        if values != sorted(values, reverse=reverse):
            findings.append(f"not sorted: {values[:9]}")
    if page.locator(".enlarge").count():
        image = page.locator(".enlarge").first
        image.focus()
        image.press("Enter")
        if not page.evaluate("document.querySelector('dialog').open"):
            findings.append("an image does not enlarge")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        if page.evaluate("document.querySelector('dialog').open || !document.activeElement.matches('.enlarge')"):
            findings.append("the dialog does not close, or the focus is lost")
    if page.locator("#map-view").count():
        told = "document.querySelector('#map-view figcaption').textContent"
        before = page.evaluate(told)
        page.locator("#map-view input").press("ArrowRight")
        after = page.evaluate(told)
        if not before or before == after:
            findings.append(f"the map does not follow its slider: {before} {after}")
        page.locator("#map-view .point").last.hover(force=True)
        if page.evaluate("!document.querySelector('#map-view .point.shown')"):
            findings.append("the map does not follow the pointer")
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


def tell_findings(given, of_page, once, check, *flags):
    """Runs `once` and then `check` for each width and scheme, each in a browser of its own, on what `of_page` says of the page;
    prints what they find, and ends with that."""
    flags = ["--no-sandbox", "--no-zygote", "--disable-gpu", *flags]
    with sync_playwright() as playwright:
        def with_browser(work, *arguments):
            # One for each: some builds run out of memory after a few large screenshots.
            browser = playwright.chromium.launch(executable_path=given.chromium, args=flags)
            try:
                return work(browser, *of_page, *arguments)
            finally:
                browser.close()

        findings = with_browser(once)
        for width in WIDTHS:
            for scheme in SCHEMES:
                findings += with_browser(check, given.axe, width, scheme, given.out)
    print("\n".join(findings))
    sys.exit(bool(findings))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("page", type=pathlib.Path)
    arguments.add_argument("--axe", required=True)
    arguments.add_argument("--chromium")
    arguments.add_argument("--out", type=pathlib.Path)
    given = arguments.parse_args()
    tell_findings(given, [given.page], check_policy, check)


if __name__ == "__main__":
    main()
