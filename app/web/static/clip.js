// A short stretch of sound: its spectrogram, and a button that plays just that.

import { ask, say } from "./page.js";
import { Tiles } from "./tiles.js";

const AXIS = 40;
let playing = null;

export function show(clip) {
  if (clip.dataset.shown) return;
  clip.dataset.shown = "yes";
  const told = clip.dataset, canvas = clip.querySelector("canvas"), height = Number(canvas.getAttribute("height"));
  const [start, seconds] = [Number(told.start), Number(told.seconds)];
  let tiles = null, shape = null, here = start, audio = null, drawing = false;

  const redraw = () => { if (!drawing) { drawing = true; requestAnimationFrame(() => { drawing = false; draw(); }); } };

  function draw() {
    const scale = window.devicePixelRatio || 1, w = canvas.clientWidth;
    if (!w) return;
    [canvas.width, canvas.height] = [Math.round(w * scale), Math.round(height * scale)];
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d"), long = Math.min(seconds, shape.duration - start);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = "#0d1110";
    context.fillRect(0, 0, w, height);
    const perPixel = long / (w - AXIS), toX = time => AXIS + (time - start) / perPixel;
    context.save();
    context.beginPath(); context.rect(AXIS, 0, w - AXIS, height); context.clip();
    context.translate(AXIS, 0);
    tiles.draw(context, start, perPixel, w - AXIS, height);
    context.restore();
    if (told.markStart) {
      context.fillStyle = "rgb(86 180 233 / .16)";
      context.strokeStyle = "#56b4e9";
      const box = [toX(Number(told.markStart)) + .5, .5, (told.markEnd - told.markStart) / perPixel, height - 1];
      context.fillRect(...box); context.strokeRect(...box);
    }
    context.fillStyle = "#fff";
    if (here > start) context.fillRect(toX(here), 0, 1.5, height);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = "#b7c2bb";
    const nyquist = shape.sample_rate_hz / 2, step = [1000, 2000, 4000, 5000, 10000, 20000, 50000].find(one => nyquist / one <= height / 26) ?? 100000;
    for (let at = step; at < nyquist * .97; at += step) context.fillText(`${at / 1000}`, 6, height * (1 - at / nyquist) + 4);
    context.fillText("kHz", 6, height - 4);
  }

  function follow() {
    here = audio.currentTime;
    if (here >= start + seconds) { audio.pause(); here = start; }
    redraw();
    if (!audio.paused) requestAnimationFrame(follow);
  }

  clip.querySelector("[data-clip-play]").addEventListener("click", () => {
    if (!audio) {
      audio = new Audio(`${told.address}/sound.wav`);
      const word = () => { clip.querySelector("[data-clip-play] span").textContent = audio.paused ? "Play" : "Pause"; };
      audio.addEventListener("play", () => { word(); follow(); });
      for (const name of ["pause", "ended"]) audio.addEventListener(name, word);
      audio.addEventListener("error", () => say("This sound cannot be played."));
    }
    if (!audio.paused) { audio.pause(); return; }
    if (playing && playing !== audio) playing.pause();
    playing = audio;
    audio.currentTime = here > start && here < start + seconds - .05 ? here : start;
    audio.play().catch(error => say(`It cannot be played: ${error.message}`));
  });

  ask(`${told.address}/shape`).then(answer => answer.json()).then(found => {
    shape = found;
    tiles = new Tiles({ address: told.address, duration: shape.duration, zooms: shape.zooms, columns: shape.columns, rows: shape.rows, finest: shape.finest, changed: redraw, failed: say });
    new ResizeObserver(redraw).observe(canvas);
    redraw();
  }).catch(error => say(error.message));
}

// Those in sight at once, the others when they are scrolled to.
export function showAll(root = document) {
  const seen = new IntersectionObserver(entries => entries.filter(one => one.isIntersecting).forEach(one => { seen.unobserve(one.target); show(one.target); }), { rootMargin: "300px" });
  root.querySelectorAll("[data-clip]").forEach(clip => seen.observe(clip));
}
document.body.addEventListener("htmx:afterSwap", () => { playing?.pause(); showAll(); });
showAll();
