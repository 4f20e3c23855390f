// One key for each answer; the name of who decides is remembered by this browser.

import { say } from "./page.js";
import "./clip.js";

const who = document.querySelector("[data-remember]");
try { who.value = localStorage.getItem("who") ?? ""; } catch { /* a browser may keep nothing */ }
who.addEventListener("change", () => { try { localStorage.setItem("who", who.value.trim()); } catch { /* as above */ } });

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName)) return;
  if ([" ", "Enter"].includes(event.key) && ["BUTTON", "A", "SUMMARY"].includes(event.target.tagName)) return;
  const key = event.key.toLowerCase();
  const button = [...document.querySelectorAll("[data-key]")].find(one => one.dataset.key === key);
  const field = document.querySelector(`[data-key-focus="${CSS.escape(key)}"]`);
  if (button && !button.disabled) button.click();
  else if (field) field.focus();
  else if (key === "m") { const match = document.querySelector("[data-match]"); if (match) match.open = !match.open; }
  else return;
  event.preventDefault();
});

document.addEventListener("toggle", event => {
  const picture = event.target.matches?.("[data-match]") && event.target.querySelector("img[data-source]");
  if (!picture || !event.target.open) return;
  picture.addEventListener("error", () => { picture.replaceWith("There are no two pictures that can be compared."); }, { once: true });
  picture.src = picture.dataset.source;
  delete picture.dataset.source;
}, true);

document.body.addEventListener("htmx:afterSwap", event => {
  document.querySelector("[data-refusals]").hidden = true;
  const done = document.getElementById("question")?.dataset.done;
  if (done) say(done);
});
