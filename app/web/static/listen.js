// A recording of hours: scrolled, zoomed, heard, with what was detected in it. The server filters and exports.

import { ask, say } from "./page.js";
import { Tiles } from "./tiles.js";

const root = document.getElementById("listen");
const told = root.dataset;
const [duration, nyquist] = [Number(told.duration), Number(told.rate) / 2];
const canvas = root.querySelector("canvas.spectrogram"), overview = root.querySelector("canvas.overview");
const find = name => root.querySelector(`[data-${name}]`), all = name => [...root.querySelectorAll(`[data-${name}]`)];
const audio = root.querySelector("audio");
const LEFT = 46, BOTTOM = 20, ROW = 40;
const COLOURS = ["#56b4e9", "#e69f00", "#ff7ab8", "#35d39a", "#f0e442", "#ff6b4a", "#a99bff", "#9be36b", "#ffb3a7", "#62e0e0"];

let start = 0, perPixel = .03, here = 0, slower = 1, events = [], chosen = -1, waiting = null, drawing = false;
const boxes = all("species"), colourOf = new Map(boxes.map((box, k) => [box.value, COLOURS[k % COLOURS.length]]));
boxes.forEach(box => { box.nextElementSibling.style.background = colourOf.get(box.value); });

const tiles = new Tiles({
  address: told.address, duration, zooms: Number(told.zooms), columns: Number(told.columns), rows: Number(told.rows),
  finest: Number(told.finest), changed: redraw,
  failed: text => { find("failed").textContent = text; find("failed").hidden = false; },
});
tiles.tuned = (floor, range) => { find("floor").value = floor; find("contrast").value = 80 - range; };

const clock = (seconds, digits = 1) => {
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  const text = rest.toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return minutes < 60 ? `${minutes}:${text}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${text}`;
};
const width = () => canvas.clientWidth - LEFT;
const toX = seconds => LEFT + (seconds - start) / perPixel;
const toSeconds = x => start + (x - LEFT) * perPixel;

function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); drawOverview(); });
}

function prepared(target) {
  const scale = window.devicePixelRatio || 1, [w, h] = [target.clientWidth, target === canvas ? 380 : 46];
  if (target.width !== Math.round(w * scale) || target.height !== Math.round(h * scale)) {
    [target.width, target.height] = [Math.round(w * scale), Math.round(h * scale)];
    target.style.height = `${h}px`;
  }
  const context = target.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.fillStyle = "#0d1110";
  context.fillRect(0, 0, w, h);
  context.font = "12px system-ui, sans-serif";
  return [context, w, h];
}

function draw() {
  const [context, w, h] = prepared(canvas), height = h - BOTTOM;
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, w - LEFT, height);
  context.clip();
  context.translate(LEFT, 0);
  tiles.draw(context, start, perPixel, w - LEFT, height);
  context.translate(-LEFT, 0);
  drawEvents(context, w, height);
  context.strokeStyle = "#ffffff";
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(toX(here), 0);
  context.lineTo(toX(here), height);
  context.stroke();
  context.restore();
  drawAxes(context, w, h, height);
  find("place").textContent = `${clock(here)} of ${clock(duration, 0)}`;
}

function drawEvents(context, w, height) {
  const end = toSeconds(w);
  let labelled = -Infinity;
  events.forEach(([from, to, species, score], number) => {
    if (to < start || from > end) return;
    const [x, wide] = [toX(from), Math.max((to - from) / perPixel, 2)], colour = colourOf.get(species) ?? "#fff";
    context.globalAlpha = number === chosen ? .26 : .12;
    context.fillStyle = colour;
    context.fillRect(x, 0, wide, height);
    context.globalAlpha = 1;
    context.fillRect(x, 0, wide, number === chosen ? 5 : 3);
    context.lineWidth = number === chosen ? 2 : 1;
    context.strokeStyle = colour;
    context.strokeRect(x + .5, .5, wide, height - 1);
    const text = `${species} ${score.toFixed(2)}`, room = Math.max(x, LEFT) + 5;
    if (room < labelled + 8) return;
    const size = context.measureText(text).width;
    context.fillStyle = "rgb(13 17 16 / .75)";
    context.fillRect(room - 3, 7, size + 6, 17);
    context.fillStyle = colour;
    context.fillText(text, room, 20);
    labelled = room + size;
  });
}

const step = (rough, choices) => choices.find(one => one >= rough) ?? choices.at(-1);

function drawAxes(context, w, h, height) {
  context.fillStyle = "#0d1110";
  context.fillRect(0, 0, LEFT, h);
  context.fillStyle = "#b7c2bb";
  context.strokeStyle = "#39433e";
  context.lineWidth = 1;
  context.textAlign = "right";
  const hertz = step(nyquist / 8, [250, 500, 1000, 2000, 4000, 5000, 10000, 20000, 25000, 50000]);
  for (let at = 0; at <= nyquist * .99; at += hertz) {
    const y = Math.round(height * (1 - at / nyquist)) + .5;
    context.fillText(`${at / 1000}`, LEFT - 8, Math.min(Math.max(y + 4, 12), height - 2));
    context.beginPath(); context.moveTo(LEFT - 5, y); context.lineTo(LEFT, y); context.stroke();
  }
  context.textAlign = "left";
  context.fillText("kHz", 4, h - 6);
  const seconds = step(perPixel * 90, [.05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200]);
  for (let at = Math.ceil(start / seconds) * seconds; at <= Math.min(toSeconds(w), duration); at += seconds) {
    const x = Math.round(toX(at)) + .5;
    context.beginPath(); context.moveTo(x, height); context.lineTo(x, height + 5); context.stroke();
    if (x < w - 40) context.fillText(clock(at, seconds < 1 ? 2 : 0), x + 3, h - 6);
  }
}

function drawOverview() {
  const [context, w, h] = prepared(overview), scale = duration / w;
  if (tiles.hasCome) tiles.draw(context, 0, scale, w, h);  // what is looked at comes first
  for (const [from, to, species] of events) {
    context.fillStyle = colourOf.get(species) ?? "#fff";
    context.fillRect(from / scale, h - 6, Math.max((to - from) / scale, 1.5), 6);
  }
  context.fillStyle = "rgb(255 255 255 / .16)";
  context.strokeStyle = "#fff";
  const box = [start / scale + .5, .5, Math.max(width() * perPixel / scale, 3), h - 1];
  context.fillRect(...box);
  context.strokeRect(...box);
  context.fillStyle = "#fff";
  context.fillRect(here / scale - .5, 0, 1.5, h);
}

function look(seconds) {
  start = Math.min(Math.max(seconds, 0), Math.max(duration - width() * perPixel, 0));
  redraw();
}

function zoom(factor, around = toX(here)) {
  const at = toSeconds(around < LEFT || around > canvas.clientWidth ? LEFT + width() / 2 : around);
  const before = perPixel;
  perPixel = Math.min(Math.max(perPixel * factor, tiles.finest / 2), Math.max(duration / width(), tiles.finest));
  look(at - (at - start) * perPixel / before);
}

function go(seconds, isKept = true) {
  here = Math.min(Math.max(seconds, 0), duration);
  if (here < start || here > start + width() * perPixel) look(here - width() * perPixel * .2);
  if (audio.src) audio.currentTime = here * slower;
  if (isKept) history.replaceState(null, "", `#t=${here.toFixed(2)}`);
  redraw();
}

function choose(number, moves = true) {
  if (!events.length) return;
  chosen = Math.min(Math.max(number, 0), events.length - 1);
  const [from, to, species, score] = events[chosen];
  if (moves) {
    look(from - Math.max(width() * perPixel - (to - from), 0) / 2);
    go(from);
  }
  const list = find("list"), top = chosen * ROW;
  if (top < list.scrollTop || top > list.scrollTop + list.clientHeight - ROW) list.scrollTop = top - list.clientHeight / 2;
  fillList();
  redraw();
  say(`${species}, score ${score.toFixed(2)}, at ${clock(from)}, ${chosen + 1} of ${events.length}`);
}

const next = () => choose(chosen >= 0 ? chosen + 1 : events.findIndex(one => one[0] > here));
const previous = () => choose(chosen >= 0 ? chosen - 1 : events.findLastIndex(one => one[0] < here));

// A list of any length: only the rows in sight are there.
function fillList() {
  const list = find("list"), rows = list.firstElementChild;
  const first = Math.max(Math.floor(list.scrollTop / ROW) - 4, 0), last = Math.min(first + Math.ceil(list.clientHeight / ROW) + 8, events.length);
  rows.style.top = `${first * ROW}px`;
  rows.style.height = `${(events.length - first) * ROW}px`;
  rows.replaceChildren(...events.slice(first, last).map(([from, to, species, score], k) => {
    const [item, button] = [document.createElement("li"), document.createElement("button")];
    item.setAttribute("aria-setsize", events.length);
    item.setAttribute("aria-posinset", first + k + 1);
    button.type = "button";
    if (first + k === chosen) button.setAttribute("aria-current", "true");
    const texts = ["", species, `${clock(from)} – ${clock(to)}`, score.toFixed(2)];
    button.append(...texts.map(text => Object.assign(document.createElement("span"), { textContent: text })));
    button.firstChild.className = "swatch";
    button.firstChild.style.background = colourOf.get(species);
    button.addEventListener("click", () => choose(first + k));
    item.append(button);
    return item;
  }));
}

function filters() {
  const query = new URLSearchParams();
  const kept = boxes.filter(box => box.checked);
  if (kept.length < boxes.length) kept.length ? kept.forEach(box => query.append("species", box.value)) : query.append("species", "");
  query.set("least", find("least").value);
  if (find("gap").value !== "") query.set("gap", find("gap").value);
  return query;
}

async function filter() {
  waiting?.abort();
  waiting = new AbortController();
  find("least-shown").textContent = Number(find("least").value).toFixed(2);
  all("export").forEach(link => { link.href = `${told.address}/export/${link.dataset.export}?${filters()}`; });
  try {
    const found = await (await ask(`${told.address}/events?${filters()}`, { signal: waiting.signal })).json();
    const one = events[chosen];
    events = found.events;
    chosen = one ? events.findIndex(other => other[0] === one[0] && other[2] === one[2]) : -1;
    const gone = found.num_all - found.num_kept, joined = found.num_kept - events.length;
    find("count").textContent = `${found.num_kept.toLocaleString("en")} of ${found.num_all.toLocaleString("en")} detections stay, ${gone.toLocaleString("en")} go`
      + (joined ? `; joined, they are ${events.length.toLocaleString("en")} events.` : ".");
    find("none").hidden = events.length > 0;
    find("list").hidden = !events.length;
    fillList();
    redraw();
  } catch (error) { if (error.name !== "AbortError" && !waiting.signal.aborted) say(error.message); }
}

function play() {
  if (!audio.paused) { audio.pause(); return; }
  if (!audio.src) audio.src = `${told.address}/sound.wav?slower=${slower}`;
  if (here >= duration - .05) here = 0;
  audio.currentTime = here * slower;
  audio.play().catch(error => say(`It cannot be played: ${error.message}`));
}

function follow() {
  here = Math.min(audio.currentTime / slower, duration);
  const end = start + width() * perPixel;
  if (here > end - width() * perPixel * .1 || here < start) look(here - width() * perPixel * .1);
  redraw();
  if (!audio.paused) requestAnimationFrame(follow);
}

const word = () => { root.querySelector("[data-word]").textContent = audio.paused ? "Play" : "Pause"; };
audio.addEventListener("play", () => { word(); follow(); });
audio.addEventListener("pause", word);
audio.addEventListener("error", () => { if (audio.src) say("This part of the recording cannot be played."); });

const DO = { play, next, previous, in: () => zoom(.5), out: () => zoom(2) };
all("do").forEach(button => button.addEventListener("click", DO[button.dataset.do]));
const KEYS = {
  " ": play, n: next, p: previous, "+": DO.in, "=": DO.in, "-": DO.out, Home: () => go(0), End: () => go(duration),
  ArrowRight: () => look(start + width() * perPixel * .25), ArrowLeft: () => look(start - width() * perPixel * .25),
};
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const tag = event.target.tagName;
  if (["INPUT", "SELECT", "TEXTAREA"].includes(tag) || (event.key === " " && ["BUTTON", "A", "SUMMARY"].includes(tag))) return;
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (action) { event.preventDefault(); action(); }
});

let drag = null;
canvas.addEventListener("pointerdown", event => { drag = { x: event.offsetX, start, moved: false }; canvas.setPointerCapture(event.pointerId); });
canvas.addEventListener("pointermove", event => {
  if (!drag) return;
  if (Math.abs(event.offsetX - drag.x) > 4) drag.moved = true;
  if (drag.moved) look(drag.start - (event.offsetX - drag.x) * perPixel);
});
canvas.addEventListener("pointerup", event => {
  if (drag && !drag.moved && event.offsetX > LEFT) {
    const at = toSeconds(event.offsetX), number = events.findIndex(one => one[0] <= at && at <= one[1]);
    go(at);
    if (number >= 0) choose(number, false);
  }
  drag = null;
});
canvas.addEventListener("wheel", event => {
  if (event.ctrlKey) { event.preventDefault(); zoom(2 ** (event.deltaY / 200), event.offsetX); }
  else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) { event.preventDefault(); look(start + (event.deltaX || event.deltaY) * perPixel); }
}, { passive: false });
overview.addEventListener("pointerdown", event => { const at = event.offsetX / overview.clientWidth * duration; go(at); look(at - width() * perPixel / 2); });

for (const name of ["least", "gap"]) find(name)?.addEventListener("input", filter);
boxes.forEach(box => box.addEventListener("change", filter));
for (const name of ["contrast", "floor"]) find(name).addEventListener("input", () => tiles.setShades(Number(find("floor").value), 80 - Number(find("contrast").value)));
find("list")?.addEventListener("scroll", fillList);
find("speed").addEventListener("change", event => {
  const plays = !audio.paused;
  audio.pause();
  slower = Number(event.target.value);
  audio.removeAttribute("src");
  if (plays) play();
});
new ResizeObserver(() => { look(start); }).observe(canvas);

perPixel = Math.min(30, duration) / Math.max(width(), 100);
const asked = /t=([\d.]+)/.exec(location.hash);
if (asked) { here = Math.min(Number(asked[1]), duration); look(here - width() * perPixel * .2); }
redraw();
if (boxes.length) filter();
