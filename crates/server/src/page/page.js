// Sends images to the server, shows its answers, and puts the corrected ones into a .zip.
"use strict";

const UNKNOWN = "unknown";
// Images that are sent at a time, classes that are shown of each, and tries where the server is busy.
const AT_ONCE = 4;
const SHOWN = 3;
const TRIES = 20;

const byId = (id) => document.getElementById(id);
const status = byId("status");
const cards = byId("cards");
const items = new Set();
const waiting = [];
let sending = 0;
let classes = [];
let stream = null;

const percent = (probability) => (probability * 100).toFixed(1) + " %";
const say = (text) => { status.textContent = text; };
const wait = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });

async function describe() {
  const model = await (await fetch("v1/model")).json();
  classes = model.classes;
  byId("name").textContent = model.name;
  document.title = model.name + " – headstart";
  const names = classes.length > 12 ? classes.slice(0, 12).join(", ") + ", …" : classes.join(", ");
  let text = `${classes.length} classes: ${names}.`;
  if (model.measured) {
    const on = model.measured.on === "test" ? "images of a test" : "images by cross-validation";
    text += ` Accuracy ${percent(model.measured.accuracy)}, measured on ${model.measured.images || "its"} ${on}.`;
  }
  if (model.tells_unknown) text += " An image that is unlike all known ones is answered with “unknown”.";
  byId("about").textContent = text;
}

function add(file, name) {
  const node = byId("card").content.firstElementChild.cloneNode(true);
  const item = { file, name, node, url: URL.createObjectURL(file), label: null };
  const image = node.querySelector("img");
  image.alt = name;
  image.addEventListener("error", () => {
    image.hidden = true;
    image.nextElementSibling.hidden = false;
  });
  image.src = item.url;
  node.querySelector(".path").textContent = name;
  const remove = node.querySelector(".remove");
  remove.setAttribute("aria-label", "Remove " + name);
  remove.addEventListener("click", () => {
    const next = node.nextElementSibling || node.previousElementSibling;
    drop(item);
    // The focus stays near where it was.
    (next ? next.querySelector(".remove") : byId("files")).focus();
  });
  items.add(item);
  cards.append(node);
  byId("results").hidden = false;
  waiting.push(item);
}

function drop(item) {
  items.delete(item);
  item.node.remove();
  URL.revokeObjectURL(item.url);
  if (items.size === 0) byId("results").hidden = true;
}

async function ask(item) {
  for (let tries = 1; ; tries += 1) {
    const type = item.file.type.startsWith("image/") ? item.file.type : "application/octet-stream";
    const response = await fetch("v1/predict", { method: "POST", headers: { "Content-Type": type }, body: item.file });
    if (response.status !== 503 || tries === TRIES) {
      const text = await response.text();
      let found = {};
      try { found = JSON.parse(text); } catch { /* A proxy may answer in its own words. */ }
      if (!response.ok) throw new Error(found.detail || `the server answered ${response.status}`);
      return found;
    }
    await wait(Number(response.headers.get("Retry-After")) || 1);
  }
}

async function send() {
  while (waiting.length > 0 && sending < AT_ONCE) {
    const item = waiting.shift();
    if (!items.has(item)) continue;
    sending += 1;
    ask(item).then((found) => show(item, found), (error) => fail(item, error)).finally(() => {
      sending -= 1;
      const left = waiting.length + sending;
      say(left > 0 ? `${left} images wait.` : `${items.size} images are answered.`);
      send();
    });
  }
}

function show(item, found) {
  const { node, name } = item;
  item.label = found.label;
  const sure = found.label === UNKNOWN ? "" : ` ${percent(found.probability)}`;
  node.querySelector(".verdict").textContent = found.label + sure;
  if (found.label === UNKNOWN) {
    const why = node.querySelector(".why");
    why.hidden = false;
    why.textContent = "It is unlike the images that the model knows. The most probable classes are:";
  }
  const bars = found.top.slice(0, SHOWN).map(({ label, probability }) => {
    const bar = document.createElement("li");
    const text = document.createElement("span");
    text.textContent = label;
    const number = document.createElement("span");
    number.className = "number";
    number.textContent = percent(probability);
    const progress = document.createElement("progress");
    progress.max = 1;
    progress.value = probability;
    progress.setAttribute("aria-label", label);
    bar.append(text, number, progress);
    return bar;
  });
  node.querySelector(".bars").replaceChildren(...bars);
  const choice = node.querySelector(".choice");
  const select = choice.querySelector("select");
  choice.hidden = false;
  choice.querySelector("label").firstChild.data = "Class ";
  select.setAttribute("aria-label", "Class of " + name);
  const names = classes.includes(UNKNOWN) ? classes : [...classes, UNKNOWN];
  select.replaceChildren(...names.map((label) => new Option(label, label, false, label === found.label)));
  select.addEventListener("change", () => {
    item.label = select.value;
    say(`${name} goes into the folder ${select.value}.`);
  });
}

function fail(item, error) {
  item.node.classList.add("failed");
  item.node.querySelector(".verdict").textContent = "No answer";
  const why = item.node.querySelector(".why");
  why.hidden = false;
  why.textContent = error.message;
}

function take(files) {
  for (const file of files) add(file, file.name || "pasted.png");
  send();
}

// A name that every system takes, for a folder or a file.
function safe(name) {
  const plain = name.replace(/[\u0000-\u001f<>:"/\\|?*]/g, "_").replace(/[. ]+$/, "");
  return plain.replace(/^\.+/, "_") || "_";
}

async function download() {
  const used = new Set();
  const files = [];
  for (const { file, name, label } of items) {
    if (label === null) continue;
    const [, stem, suffix] = /^(.*?)(\.[^.]*)?$/s.exec(safe(name));
    let path = `${safe(label)}/${stem}${suffix || ""}`;
    // Names that differ in case alone are one name on some systems.
    for (let count = 2; used.has(path.toLowerCase()); count += 1) path = `${safe(label)}/${stem}-${count}${suffix || ""}`;
    used.add(path.toLowerCase());
    files.push({ name: path, blob: file });
  }
  if (files.length === 0) {
    say("No image has a class yet.");
    return;
  }
  try {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await zip(files));
    link.download = "sorted.zip";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`sorted.zip has ${files.length} images.`);
  } catch (error) {
    say(error.message);
  }
}

async function openCamera() {
  const note = byId("no-camera");
  note.hidden = true;
  try {
    if (!navigator.mediaDevices) throw new Error("browsers allow it at localhost and over https only");
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  } catch (error) {
    note.textContent = `The camera can’t be used: ${error.message}. Choose images instead; a phone then offers its camera.`;
    note.hidden = false;
    return;
  }
  byId("viewfinder").hidden = false;
  byId("video").srcObject = stream;
  await byId("video").play();
  byId("shoot").focus();
}

function closeCamera() {
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = null;
  byId("video").srcObject = null;
  byId("viewfinder").hidden = true;
  byId("camera").focus();
}

let shots = 0;
function shoot() {
  const video = byId("video");
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => {
    if (!blob) return;
    shots += 1;
    add(blob, `camera-${shots}.jpg`);
    send();
  }, "image/jpeg", 0.92);
}

byId("files").addEventListener("change", (event) => {
  take(event.target.files);
  event.target.value = "";
});
byId("camera").addEventListener("click", openCamera);
byId("stop").addEventListener("click", closeCamera);
byId("shoot").addEventListener("click", shoot);
byId("download").addEventListener("click", download);
byId("clear").addEventListener("click", () => {
  [...items].forEach(drop);
  say("All images are removed.");
  byId("files").focus();
});
const zone = byId("drop");
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    if (name === "drop" || event.relatedTarget === null) zone.classList.remove("over");
  });
}
document.addEventListener("drop", (event) => take(event.dataTransfer.files));
document.addEventListener("paste", (event) => take(event.clipboardData.files));
describe().catch(() => { byId("about").textContent = "The server does not answer; is it still running?"; });
