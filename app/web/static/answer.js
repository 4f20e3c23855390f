// The answer's page: its link, lines between photos when they are asked for, and one animal marked by a box.

import { ask, say } from "./page.js";
import "./clip.js";
import "./know.js";

document.querySelector("[data-share]").addEventListener("click", async () => {
  try { await navigator.clipboard.writeText(location.href); say("The link is copied."); } catch { say(`The link: ${location.href}`); }
});

document.addEventListener("toggle", event => {
  const picture = event.target.matches?.("[data-match]") && event.target.querySelector("img[data-source]");
  if (!picture || !event.target.open) return;
  picture.addEventListener("error", () => picture.replaceWith("These two cannot be compared."), { once: true });
  picture.src = picture.dataset.source;
  delete picture.dataset.source;
}, true);

const mark = document.querySelector("[data-mark]"), place = document.querySelector("[data-boxed]");
const refusal = document.querySelector("[data-refusals]");
if (mark) {
  const image = place.querySelector("img"), frame = document.createElement("span");
  frame.className = "frame";
  let from = null;
  const at = event => {
    const box = image.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map(share => Math.min(Math.max(share, 0), 1));
  };
  const box = (one, other) => ({ left: Math.min(one[0], other[0]), top: Math.min(one[1], other[1]), width: Math.abs(one[0] - other[0]), height: Math.abs(one[1] - other[1]) });
  const isOn = () => mark.getAttribute("aria-pressed") === "true";
  mark.addEventListener("click", () => {
    mark.setAttribute("aria-pressed", String(!isOn()));
    place.classList.toggle("is-marking", isOn());
    document.querySelector("[data-mark-help]").hidden = !isOn();
  });
  image.draggable = false;
  place.addEventListener("pointerdown", event => {
    if (!isOn()) return;
    event.preventDefault();
    from = at(event);
    place.setPointerCapture(event.pointerId);
    place.append(frame);
  });
  place.addEventListener("pointermove", event => {
    if (!from) return;
    for (const [side, share] of Object.entries(box(from, at(event)))) frame.style[side] = `${100 * share}%`;
  });
  place.addEventListener("pointerup", async event => {
    if (!from) return;
    const found = box(from, at(event));
    from = null;
    if (found.width < .02 || found.height < .02) { frame.remove(); return; }
    const body = new FormData();
    Object.entries(found).forEach(([side, share]) => body.append(side, share));
    try { location.assign((await (await ask(`${location.pathname}/box`, { method: "POST", body })).json()).address); }
    catch (error) { frame.remove(); refusal.textContent = error.message; refusal.hidden = false; refusal.focus(); }
  });
}
