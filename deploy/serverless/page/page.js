// What is shown when: signed out, ready, recording, asking, answered, failed.

import { ask, SignedOutError } from "./ask.js";
import { record } from "./recorder.js";
import * as signIn from "./sign_in.js";

const MOST_SECONDS = 60;
const on = (id) => document.getElementById(id);
const tell = (text) => {
  on("status").textContent = text;
};

function showWhoIsHere() {
  const isHere = Boolean(signIn.token());
  on("signed-out").hidden = isHere;
  for (const id of ["ask", "sign-out"]) on(id).hidden = !isHere;
}

async function answer(recording, name) {
  on("answer").hidden = true;
  URL.revokeObjectURL(on("player").src);
  on("player").src = URL.createObjectURL(recording);
  on("player").hidden = false;
  busy(true);
  try {
    show(await ask(recording, name, signIn.token(), tell));
    tell("");
  } catch (error) {
    if (error instanceof SignedOutError) signIn.forget();
    tell(error.message);
    showWhoIsHere();
  } finally {
    busy(false);
  }
}

function show({ heard_seconds: heard, recording, clips }) {
  const isKnown = recording.species !== "unknown";
  const [likeliest] = Object.entries(recording.scores).sort((one, other) => other[1] - one[1]);
  on("species").textContent = isKnown ? recording.species : "Unknown";
  const said = isKnown
    ? `${percent(recording.score)} by the network, over all that was heard.`
    : `None of the ${Object.keys(recording.scores).length} species it knows is likely enough; the nearest is ${likeliest[0]}.`;
  on("told").textContent = `${said} ${heard.toFixed(1)} s were heard.`;
  on("clips").replaceChildren(...clips.map(row));
  on("answer").hidden = false;
}

function row({ start_seconds: start, end_seconds: end, species, score }) {
  const line = document.createElement("tr");
  for (const text of [`${start.toFixed(1)} s`, `${end.toFixed(1)} s`, species, percent(score)]) {
    line.insertCell().textContent = text;
  }
  return line;
}

const percent = (share) => `${Math.round(share * 100)} %`;

function busy(is) {
  for (const id of ["record", "file"]) on(id).disabled = is;
  on("ask").classList.toggle("busy", is);
}

let running = null;

async function recordOrStop() {
  if (running) {
    running.stop();
    return;
  }
  try {
    running = await record();
  } catch {
    tell("The browser gives no microphone. Allow it for this page, or choose a recording.");
    return;
  }
  recordingShown(true);
  const timer = setTimeout(running.stop, MOST_SECONDS * 1000);
  const recording = await running.recording;
  clearTimeout(timer);
  running = null;
  recordingShown(false);
  await answer(recording, "recording");
}

function recordingShown(is) {
  on("record").textContent = is ? "Stop" : "Record";
  on("record").setAttribute("aria-pressed", String(is));
  on("file").disabled = is;
  tell(is ? `Recording; it ends after ${MOST_SECONDS} s.` : "");
}

async function start() {
  const config = await (await fetch("config.json")).json();
  on("sign-in").addEventListener("click", () => signIn.begin(config));
  on("sign-out").addEventListener("click", () => signIn.end(config));
  on("record").addEventListener("click", recordOrStop);
  on("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) answer(file, file.name);
    event.target.value = "";
  });
  try {
    await signIn.complete(config);
  } catch (error) {
    tell(error.message);
  }
  showWhoIsHere();
}

start().catch(() => tell("The page could not be loaded whole. Load it again."));
