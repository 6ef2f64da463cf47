"""Uses the page of `headstart serve` in a browser, wide and narrow, light and dark, by mouse, keyboard and camera.

Versions: as for check.py. In a virtual environment outside the repository, while a server runs:

    headstart serve model.safetensors --listen 127.0.0.1:8000
    python tests/browser/page.py http://127.0.0.1:8000/ --axe node_modules/axe-core/axe.min.js --images FOLDER
        [--chromium PATH] [--out FOLDER]

FOLDER has some images that the browser and the server read. Fails where the page logs to the console, asks for anything from
elsewhere, is wider than its window, has text of less than 11 pixels, has a finding of axe, is walked through by the tabulator
in another order than it is read in, or where answers, corrections, the camera or the download do not work. Screenshots go to
the folder of --out.
"""

import argparse
import io
import pathlib
import zipfile

from check import FOCUSABLE, SMALL_TEXTS, SMALLEST, tell_findings

ANSWERED = "[...document.querySelectorAll('.card')].every(card => !card.querySelector('.verdict').textContent.startsWith('Waiting'))"


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


def check(browser, address, images, axe, width, scheme, out):
    """Looks at the page with some answers."""
    findings = []
    # axe is put into the page, which the page's own policy forbids.
    settings = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme, "bypass_csp": True}
    context, page = opened(browser, address, findings, **settings)
    page.add_script_tag(path=axe)
    violations, passes = [], set()
    for filled in [False, True]:
        if filled:
            broken = {"name": "<img src=x onerror=alert(1)>.jpg", "mimeType": "image/jpeg", "buffer": b"broken"}
            give(page, images)
            give(page, [broken])
        result = page.evaluate("axe.run()")
        passes |= {rule["id"] for rule in result["passes"]}
        for violation in result["violations"]:
            nodes = "; ".join(node["html"][:120] for node in violation["nodes"][:3])
            violations.append(f"axe {violation['id']}: {violation['help']}: {nodes}")
    if page.locator(".card").count() != len(images) + 1 or page.locator(".card.failed").count() != 1:
        findings.append("not every image has a card, or the broken one is not told")
    if out:
        page.screenshot(path=out / f"page-{width}-{scheme}.png", full_page=True)
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    order = []
    for _ in range(page.locator(FOCUSABLE).count()):
        page.keyboard.press("Tab")
        order.append(page.evaluate(f"[...document.querySelectorAll(\"{FOCUSABLE}\")].indexOf(document.activeElement)"))
    seen = [index for index in order if index >= 0]
    if seen != sorted(seen):
        findings.append(f"keyboard order: {order}")
    findings += page.evaluate(SMALL_TEXTS, SMALLEST)
    scroll = page.evaluate("document.documentElement.scrollWidth")
    if scroll > width:
        findings.append(f"{scroll} pixels wide")
    findings += violations
    print(f"{width} {scheme}: {len(passes)} rules of axe pass, {len(violations)} violations; {len(findings)} findings")
    context.close()
    return findings


def use(browser, address, images):
    """Corrects an answer, downloads the set, drops an image, takes a picture, all under the page's own policy."""
    findings = []
    context, page = opened(browser, address, findings, permissions=["camera"], accept_downloads=True)
    give(page, images)
    first = page.locator(".card select").first
    names = first.locator("option").all_text_contents()
    chosen = next(name for name in names if name != first.input_value())
    first.focus()
    first.select_option(chosen)
    with page.expect_download() as downloading:
        page.locator("#download").press("Enter")
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
    # The camera, which the browser makes up.
    page.locator("#camera").press("Enter")
    page.wait_for_function("document.getElementById('video').videoWidth > 0")
    page.locator("#shoot").press("Enter")
    page.wait_for_function("[...document.querySelectorAll('.path')].some(p => p.textContent === 'camera-1.jpg')")
    page.wait_for_function(ANSWERED, timeout=60000)
    if not page.locator(".card").last.locator(".bars li").count():
        findings.append("the picture of the camera has no answer")
    page.locator("#stop").press("Enter")
    if page.evaluate("document.activeElement.id") != "camera":
        findings.append("the focus is lost where the camera is closed")
    cards = page.locator(".card").count()
    page.locator(".card .remove").first.press("Enter")
    if page.locator(".card").count() != cards - 1 or not page.evaluate("document.activeElement.matches('.remove')"):
        findings.append("a card is not removed, or the focus is lost")
    page.locator("#clear").press("Enter")
    if page.locator(".card").count() or page.locator("#results").is_visible():
        findings.append("not all cards are removed")
    context.close()
    # Without a camera, the page says what to do.
    context, page = opened(browser, address, findings)
    page.evaluate("navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no camera'))")
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
    tell_findings(given, [given.address, images], use, check, "--use-fake-device-for-media-stream")


if __name__ == "__main__":
    main()
