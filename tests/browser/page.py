"""Uses the page of `headstart serve` in a browser, wide and narrow, light and dark, by keyboard, mouse and camera.

Versions: as for check.py. In a virtual environment outside the repository, while a server runs:

    headstart serve model.safetensors --listen 127.0.0.1:8000
    python tests/browser/page.py http://127.0.0.1:8000/ --axe node_modules/axe-core/axe.min.js --images FOLDER
        [--chromium PATH] [--out FOLDER]

FOLDER has some images that the browser and the server read. The camera is one that Chromium makes up.

The page is looked at empty, with answers, with a corrected one and with the camera open. It fails where it logs to the console,
asks for anything from elsewhere, is wider than its window, has text of less than 11 pixels, or has a finding of axe; where the
tabulator does not come to each control in the order in which they are read, or one is not seen to be focused. It also fails where
answers, corrections, the camera or the download do not work with the keyboard alone. Screenshots go to the folder of --out.
"""

import argparse
import io
import pathlib
import zipfile

from check import FOCUSABLE, SMALL_TEXTS, SMALLEST, tell_findings

ANSWERED = "[...document.querySelectorAll('.card')].every(card => !card.querySelector('.verdict').textContent.startsWith('Waiting'))"

# What can be focused, in the order in which it is read, and whether it is seen to be.
SEEN = f"""[...document.querySelectorAll("{FOCUSABLE}")].filter(one => one.getClientRects().length)"""
IS_MARKED = """(one => getComputedStyle(one.matches(".unseen") ? one.labels[0] : one).outlineStyle !== "none")(document.activeElement)"""

# The camera answers without a question.
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
NAME = "<img src=x onerror=alert(1)>.jpg"


def opened(browser, address, findings, **settings):
    # The policy of the page also keeps this script from asking it anything. A test of the server looks at the policy.
    context = browser.new_context(device_scale_factor=1, bypass_csp=True, **settings)
    page = context.new_page()
    # A problem of a broken image is logged by the browser itself.
    page.on("console", lambda m: "422" in m.text or "415" in m.text or findings.append(f"console: {m.text}"))
    page.on("pageerror", lambda error: findings.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (findings.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda r: r.url.startswith((address, "blob:")) or findings.append(f"request: {r.url[:100]}"))
    page.goto(address)
    page.wait_for_function("!document.getElementById('about').textContent.startsWith('Loading')")
    return context, page


def give(page, images):
    page.set_input_files("#files", images)
    page.wait_for_function(ANSWERED, timeout=60000)


def look(page, state, width, axe_passes):
    """What is wrong with the page as it is."""
    findings = []
    result = page.evaluate("axe.run()")
    axe_passes |= {rule["id"] for rule in result["passes"]}
    for violation in result["violations"]:
        nodes = "; ".join(node["html"][:120] for node in violation["nodes"][:3])
        findings.append(f"axe {violation['id']}: {violation['help']}: {nodes}")
    count, order = page.evaluate(f"{SEEN}.length"), []
    # From wherever the focus was, on to the end of the page.
    for _ in range(count + 1):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
    for _ in range(count):
        page.keyboard.press("Tab")
        order.append(page.evaluate(f"{SEEN}.indexOf(document.activeElement)"))
        if not page.evaluate(IS_MARKED):
            findings.append(f"not seen to be focused: {page.evaluate('document.activeElement.outerHTML')[:80]}")
    if order != list(range(count)):
        findings.append(f"keyboard order: {order} of {count}")
    findings += page.evaluate(SMALL_TEXTS, SMALLEST)
    scroll = page.evaluate("document.documentElement.scrollWidth")
    if scroll > width:
        findings.append(f"{scroll} pixels wide")
    return [f"{state}: {finding}" for finding in findings]


def check(browser, address, images, axe, width, scheme, out):
    """Looks at the page in each of its states."""
    findings, passes = [], set()
    settings = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme, "permissions": ["camera"]}
    context, page = opened(browser, address, findings, **settings)
    page.add_script_tag(path=axe)

    def state(name):
        findings.extend(look(page, name, width, passes))
        if out:
            page.screenshot(path=out / f"page-{width}-{scheme}-{name}.png", full_page=True)

    state("empty")
    give(page, images)
    give(page, [{"name": NAME, "mimeType": "image/jpeg", "buffer": b"broken"}])
    if page.locator(".card").count() != len(images) + 1 or page.locator(".card.failed").count() != 1:
        findings.append("not every image has a card, or the broken one is not told")
    state("answers")
    page.locator(".card select").first.select_option(index=1)
    page.locator(".card select").first.select_option(index=0)
    state("correcting")
    page.locator("#camera").click()
    page.wait_for_function("document.getElementById('video').videoWidth > 0")
    state("camera")
    print(f"{width} {scheme}: 4 states, {len(passes)} rules of axe pass; {len(findings)} findings")
    context.close()
    return findings


def tab_to(page, selector):
    """Presses the tabulator until something has the focus."""
    for _ in range(200):
        if page.evaluate(f"document.activeElement.matches({selector!r})"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the tabulator does not come to {selector}")


def use(browser, address, images):
    """Corrects an answer, downloads the set and takes a picture, all by keyboard; drops an image."""
    findings = []
    context, page = opened(browser, address, findings, permissions=["camera"], accept_downloads=True)
    page.on("filechooser", lambda chooser: chooser.set_files(images))
    tab_to(page, "#files")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")
    page.wait_for_function(ANSWERED, timeout=60000)
    first = page.locator(".card select").first
    before = first.input_value()
    tab_to(page, ".card select")
    page.keyboard.press("ArrowDown")
    if first.input_value() == before:
        page.keyboard.press("ArrowUp")
    chosen = first.input_value()
    if chosen == before or f"goes into the folder {chosen}" not in page.locator("#status").text_content():
        findings.append(f"a class is not corrected: {before}, {chosen}, {page.locator('#status').text_content()}")
    with page.expect_download() as downloading:
        tab_to(page, "#download")
        page.keyboard.press("Enter")
    archive = zipfile.ZipFile(io.BytesIO(pathlib.Path(downloading.value.path()).read_bytes()))
    if archive.testzip() or len(archive.namelist()) != len(images):
        findings.append(f"the archive: {archive.namelist()}")
    corrected = f"{chosen}/{images[0].name}"
    if corrected not in archive.namelist() or archive.read(corrected) != images[0].read_bytes():
        findings.append(f"{corrected} is not in {archive.namelist()}")
    # A file that is dropped, of a name that is there.
    page.evaluate(
        """async url => {
          const blob = await (await fetch(url)).blob();
          const data = new DataTransfer();
          data.items.add(new File([blob], "icon.svg", { type: blob.type }));
          document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        address + "icon.svg",
    )
    page.wait_for_function(ANSWERED)
    if "SVG" not in page.locator(".card .why").last.text_content():
        findings.append(f"a dropped file: {page.locator('.card').last.text_content()}")
    tab_to(page, "#camera")
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('video').videoWidth > 0")
    page.wait_for_function("document.activeElement.id === 'shoot'")
    page.keyboard.press("Enter")
    page.wait_for_function("[...document.querySelectorAll('.path')].some(p => p.textContent === 'camera-1.jpg')")
    page.wait_for_function(ANSWERED, timeout=60000)
    if not page.locator(".card").last.locator(".bars li").count():
        findings.append("the picture of the camera has no answer")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    if page.evaluate("document.activeElement.id") != "camera":
        findings.append("the focus is lost where the camera is closed")
    cards = page.locator(".card").count()
    tab_to(page, ".card .remove")
    page.keyboard.press("Enter")
    if page.locator(".card").count() != cards - 1 or not page.evaluate("document.activeElement.matches('.remove')"):
        findings.append("a card is not removed, or the focus is lost")
    tab_to(page, "#clear")
    page.keyboard.press("Enter")
    if page.locator(".card").count() or page.locator("#results").is_visible():
        findings.append("not all cards are removed")
    context.close()
    # Without a camera, the page says what to do.
    context, page = opened(browser, address, findings)
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no camera')); }")
    page.locator("#camera").click()
    page.wait_for_function("!document.getElementById('no-camera').hidden")
    if "Choose images instead" not in page.locator("#no-camera").text_content():
        findings.append("the page does not say what to do without a camera")
    context.close()
    print(f"use: {len(findings)} findings")
    return findings


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("address")
    arguments.add_argument("--axe", required=True)
    arguments.add_argument("--images", type=pathlib.Path, required=True)
    arguments.add_argument("--chromium")
    arguments.add_argument("--out", type=pathlib.Path)
    given = arguments.parse_args()
    images = sorted(path for path in given.images.iterdir() if path.suffix in [".jpg", ".png"])[:6]
    tell_findings(given, [given.address, images], use, check, *CAMERA)


if __name__ == "__main__":
    main()
