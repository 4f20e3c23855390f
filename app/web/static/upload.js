// A recording of one's own: dropped or chosen, sent at once, opened where it can be seen and heard.

import { ask } from "./page.js";

const form = document.getElementById("upload"), drop = form.querySelector("[data-drop]"), input = drop.querySelector("input");
const refusal = document.querySelector("[data-refusals]"), word = drop.querySelector("[data-name]"), usual = word.textContent;

async function send(file) {
  if (!file) return;
  refusal.hidden = true;
  try {
    if (file.size > Number(form.dataset.most)) throw new Error(`${file.name} is too large: ${(file.size / 1e6).toFixed(0)} MB.`);
    word.textContent = `Sending ${file.name} …`;
    form.setAttribute("aria-busy", "true");
    const body = new FormData();
    body.append("recording", file);
    location.assign((await (await ask("/listen", { method: "POST", body })).json()).address);
  } catch (error) {
    word.textContent = usual;
    form.removeAttribute("aria-busy");
    refusal.textContent = error.message;
    refusal.hidden = false;
    refusal.focus();
  }
}

for (const name of ["dragover", "dragenter"]) drop.addEventListener(name, event => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", event => { event.preventDefault(); send(event.dataTransfer.files[0]); });
input.addEventListener("change", () => { send(input.files[0]); input.value = ""; });
