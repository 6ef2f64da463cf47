// What the page does beyond showing: tables that sort, images that enlarge, a map that shows its images. Without it the page
// shows the same.
"use strict";

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => {
        const text = row.cells[column].textContent.trim();
        return heading.classList.contains("number") ? Number.parseFloat(text) : text;
      };
      const compare = (a, b) => {
        const [first, second] = [value(a), value(b)];
        if (typeof first === "string") return first.localeCompare(second, undefined, { numeric: true });
        // What has no number comes last, either way.
        if (Number.isNaN(first) || Number.isNaN(second)) return (Number.isNaN(first) - Number.isNaN(second)) * (down ? -1 : 1);
        return first - second;
      };
      body.append(...[...body.rows].sort((a, b) => (down ? compare(b, a) : compare(a, b))));
    });
  });
}

const images = [...document.querySelectorAll(".thumbnail img")];
if (images.length > 0) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Image");
  const large = images[0].cloneNode();
  const caption = document.createElement("p");
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.append(large, caption, close);
  document.body.append(dialog);
  let shown = 0;
  const show = (index) => {
    shown = (index + images.length) % images.length;
    large.src = images[shown].src;
    large.alt = images[shown].alt;
    large.width = images[shown].width;
    caption.textContent = images[shown].alt;
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") show(shown + 1);
    if (event.key === "ArrowLeft") show(shown - 1);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  images.forEach((image, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "enlarge";
    button.setAttribute("aria-label", "Enlarge " + image.alt);
    // By keyboard, the images beside an error come after it in the dialog.
    if (image.closest(".neighbours")) button.tabIndex = -1;
    image.replaceWith(button);
    button.append(image);
    button.addEventListener("click", () => {
      show(index);
      dialog.showModal();
      close.focus();
    });
  });
}

const map = document.getElementById("map-view");
if (map) {
  const plot = map.querySelector("svg");
  const points = [...plot.querySelectorAll(".point")];
  const [slider, classes] = [map.querySelector("input"), map.querySelector("select")];
  const [missing, caption] = [".missing", "figcaption"].map((part) => map.querySelector("figure " + part));
  const image = document.createElement("img");
  missing.before(image);
  map.querySelectorAll("[hidden]").forEach((part) => part.removeAttribute("hidden"));
  const show = (index) => {
    const point = points[index];
    points.forEach((other) => other.classList.toggle("shown", other === point));
    // What is drawn last lies above the others.
    plot.append(point);
    caption.textContent = point.querySelector("title").textContent;
    image.hidden = !point.dataset.image;
    missing.hidden = !image.hidden;
    if (point.dataset.image) image.src = point.dataset.image;
    image.alt = caption.textContent;
    slider.value = index;
    slider.setAttribute("aria-valuetext", caption.textContent);
  };
  const nearest = (event) => {
    let [found, least] = [-1, 24 * 24];
    points.forEach((point, index) => {
      const box = point.getBoundingClientRect();
      const distance = (box.x + box.width / 2 - event.clientX) ** 2 + (box.y + box.height / 2 - event.clientY) ** 2;
      if (distance < least) [found, least] = [index, distance];
    });
    if (found >= 0) show(found);
  };
  plot.addEventListener("pointermove", nearest);
  plot.addEventListener("pointerdown", nearest);
  slider.addEventListener("input", () => show(Number(slider.value)));
  classes.addEventListener("change", () => {
    plot.classList.toggle("picking", classes.value !== "");
    points.forEach((point) => point.classList.toggle("picked", point.dataset.class === classes.value));
  });
  show(0);
}
