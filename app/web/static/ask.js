// The question: files that are dropped, chosen or recorded, sent at once; the answer has a page of its own.

import { ask, say } from "./page.js";

const form = document.getElementById("ask"), batch = document.getElementById("batch");
const refusal = document.querySelector("[data-refusals]");
const chosen = { photo: null, recording: null };

function refuse(text) {
  refusal.textContent = text;
  refusal.hidden = !text;
  if (text) refusal.focus();
}

async function send(address, body, place) {
  const waiting = form.querySelector("[data-waiting]"), buttons = document.querySelectorAll("main button");
  refuse("");
  waiting.style.display = "inline-flex";
  buttons.forEach(button => { button.disabled = true; });
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await (await ask(address, { method: "POST", body })).json();
    location.assign(answer.address);
  } catch (error) {
    waiting.style.display = "";
    buttons.forEach(button => { button.disabled = false; });
    place.removeAttribute("aria-busy");
    show();
    refuse(error.message);
  }
}

const fits = file => {
  if (file.size <= Number(form.dataset.most)) return true;
  refuse(`${file.name} is too large: ${(file.size / 1e6).toFixed(0)} MB, at most ${(Number(form.dataset.most) / 1e6).toFixed(0)} MB are taken.`);
  return false;
};

function take(kind, file) {
  if (!file || !fits(file)) return;
  refuse("");
  chosen[kind] = file;
  show();
}

function show() {
  for (const kind of ["photo", "recording"]) {
    const drop = form.querySelector(`[data-drop=${kind}]`), file = chosen[kind], image = drop.querySelector("img");
    drop.classList.toggle("is-full", Boolean(file));
    drop.querySelector("[data-name]").textContent = file ? `${file.name}, ${(file.size / 1000).toFixed(0)} kB` : "Drop it here, or choose a file";
    if (!image) continue;
    if (image.src) URL.revokeObjectURL(image.src);
    image.hidden = !file;
    if (file) image.src = URL.createObjectURL(file); else image.removeAttribute("src");
  }
  form.querySelector("[data-submit]").disabled = !chosen.photo && !chosen.recording;
  form.querySelector("[data-clear]").hidden = !chosen.photo && !chosen.recording;
}

const isSound = file => file.type.startsWith("audio/") || /\.(wav|flac|ogg|oga|opus|mp3|m4a|aac|aiff?|w64|wv|au|caf)$/i.test(file.name);

document.querySelectorAll("[data-drop]").forEach(drop => {
  const kind = drop.dataset.drop, input = drop.querySelector("input");
  for (const name of ["dragover", "dragenter"]) drop.addEventListener(name, event => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", event => { event.preventDefault(); receive(kind, [...event.dataTransfer.files]); });
  input.addEventListener("change", () => { receive(kind, [...input.files]); input.value = ""; });
});

batch.querySelector("[data-folder]").addEventListener("change", event => {
  const files = [...event.target.files].filter(file => !file.name.startsWith("."));
  event.target.value = "";
  if (files.length) sendAll(files); else refuse("There is no file in that folder.");
});

function receive(kind, files) {
  if (!files.length) return;
  if (kind === "files" || files.length > 2) { sendAll(files); return; }
  if (files.length === 1) { take(kind, files[0]); return; }
  files.forEach(file => take(isSound(file) ? "recording" : "photo", file));
}

function sendAll(files) {
  const body = new FormData();
  files.forEach(file => body.append("files", file));
  batch.querySelector("[data-name]").textContent = `Looking at ${files.length} file${files.length > 1 ? "s" : ""} …`;
  send("/ask/batch", body, batch).finally(() => { batch.querySelector("[data-name]").textContent = "Drop them here, or choose files"; });
}

form.addEventListener("submit", event => {
  event.preventDefault();
  const body = new FormData();
  for (const [kind, file] of Object.entries(chosen)) if (file) body.append(kind, file);
  send("/ask", body, form);
});
form.querySelector("[data-clear]").addEventListener("click", () => { chosen.photo = chosen.recording = null; show(); refuse(""); });

// The microphone gives samples, which become a WAV here: what browsers record by themselves differs.
let microphone = null;
const button = form.querySelector("[data-record]"), word = button.querySelector("[data-word]");
button.addEventListener("click", async () => {
  if (microphone) { microphone.stop(); return; }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
    microphone = await listenTo(stream);
  } catch (error) { refuse(`The microphone cannot be used: ${error.message}. Allow it for this page, or choose a file.`); return; }
  button.setAttribute("aria-pressed", "true");
});

async function listenTo(stream) {
  const context = new AudioContext(), pieces = [];
  await context.audioWorklet.addModule("/static/microphone.js");
  const node = new AudioWorkletNode(context, "samples");
  context.createMediaStreamSource(stream).connect(node);
  const begun = performance.now();
  const seconds = () => (performance.now() - begun) / 1000;
  node.port.onmessage = event => pieces.push(event.data);
  const timer = setInterval(() => { word.textContent = `Stop, ${seconds().toFixed(0)} s`; if (seconds() > 60) stop(); }, 250);
  const stop = () => {
    clearInterval(timer);
    stream.getTracks().forEach(track => track.stop());
    context.close();
    microphone = null;
    button.setAttribute("aria-pressed", "false");
    word.textContent = "Record with the microphone";
    take("recording", wav(pieces, context.sampleRate));
    say("Recorded.");
  };
  return { stop };
}

function wav(pieces, rate) {
  const num = pieces.reduce((sum, piece) => sum + piece.length, 0), view = new DataView(new ArrayBuffer(44 + 2 * num));
  const text = (place, word) => [...word].forEach((letter, k) => view.setUint8(place + k, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * num, true); text(8, "WAVEfmt "); view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); view.setUint16(22, 1, true); view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true); text(36, "data"); view.setUint32(40, 2 * num, true);
  let place = 44;
  for (const piece of pieces) for (const value of piece) { view.setInt16(place, Math.max(-1, Math.min(1, value)) * 32767, true); place += 2; }
  return new File([view], "microphone.wav", { type: "audio/wav" });
}
