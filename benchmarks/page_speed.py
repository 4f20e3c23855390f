"""How light the first page is, and how soon a recording of an hour is seen and scrolls, in a real browser.

python benchmarks/page_speed.py [--minutes 60] [--rounds 5] [--json FILE]

`fused-encoder serve` and Chromium run on this machine. The recording is a WAV of noise and calls at 48 kHz,
a detection every 20 s, never asked for before; each round is a new service. Medians over the rounds.

- `first_page_kilobytes`: all that `/` loads, not packed. `interactive_seconds`: from the navigation until the
  page and its scripts are ready.
- `first_spectrogram_seconds`: from the navigation to the recording's page until its spectrogram is drawn.
- `tile_seconds_p95`: of the tiles that 40 steps to the right ask for, in their order, 95th percentile.
Needs Chromium and its driver, and the package selenium.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import common
import numpy as np
import soundfile

RATE_HZ, EVERY_SECONDS, WAIT_SECONDS = 48_000, 20.0, 60.0
ROOT = Path(__file__).resolve().parents[1]
READY = "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd / 1000"
LOADED = """return performance.getEntriesByType('resource')
  .concat(performance.getEntriesByType('navigation')).reduce((sum, one) => sum + one.decodedBodySize, 0)"""
DRAWN = """const canvas = document.querySelector('canvas.spectrogram');
if (!canvas || !canvas.width) return false;
const context = canvas.getContext('2d');
const row = context.getImageData(0, canvas.height >> 1, canvas.width, 1).data;
let drawn = 0;  // pixels that are not the background, rgb(13, 17, 16)
for (let x = 0; x < canvas.width; x++) drawn += row[4 * x] !== 13 || row[4 * x + 1] !== 17;
return drawn > .9 * canvas.width"""
TILES = """return performance.getEntriesByType('resource')
  .filter(one => one.name.includes('/tile/')).map(one => one.duration / 1000)"""
RIGHT = """document.querySelector('canvas.spectrogram')
  .dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))"""


def main() -> None:
    """Measures the first page and a long recording."""
    options = common.read_options(__doc__, minutes=60.0, rounds=5)
    with tempfile.TemporaryDirectory() as name:
        heard = write_heard(Path(name), 60 * options.minutes)
        rounds = [measure(heard) for _ in range(options.rounds)]
    figures = {key: float(np.median([one[key] for one in rounds])) for key in rounds[0]}
    common.report(options.json, figures)


def write_heard(folder: Path, seconds: float) -> Path:
    """A recording, and what `classify predict` would have written of it."""
    from archives.embed.rows import FileRow
    from soundscapes.events import Event
    from soundscapes.outputs import PredictionWriter
    from soundscapes.recording_scores import RecordingScores

    path, rng = folder / "night.wav", np.random.default_rng(0)
    times = np.arange(round(RATE_HZ * EVERY_SECONDS)) / RATE_HZ
    call = 0.3 * np.sin(2 * np.pi * (3000 + 800 * np.sin(8 * times)) * times) * (times % 1 < 0.3)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
        for _ in range(round(seconds / EVERY_SECONDS)):
            file.write(call + rng.normal(0, 0.01, len(call)))
    starts = np.arange(0, seconds - 1, EVERY_SECONDS)
    events = [Event(str(path), float(start), float(start) + 1, "wren", 0.9) for start in starts]
    row, names = FileRow(str(path), "recording", "ok", decoded_seconds=seconds), ("wren", "robin")
    levels, nothing = np.full(2, 0.5), np.full((0, 2), np.nan, np.float32)
    (folder / "heard").mkdir()
    with PredictionWriter(folder / "heard", [str(path)], names, levels, 5.0) as writer:
        scores = np.array([0.9, 0.1], np.float32)
        writer.write(RecordingScores(str(path), row, (), nothing, scores), events)
    told = {"thresholds": dict.fromkeys(names, 0.5), "certified": False}
    (folder / "heard" / "prediction.json").write_text(json.dumps(told), "utf-8")
    return folder / "heard"


def measure(heard: Path) -> common.Figures:
    """One service and one browser, both new."""
    with served(heard) as address, browser() as driver:
        driver.get(address)
        figures = {
            "first_page_kilobytes": driver.execute_script(LOADED) / 1000,
            "interactive_seconds": driver.execute_script(READY),
        }
        started = time.perf_counter()
        driver.get(f"{address}/listen/h0")
        while not driver.execute_script(DRAWN):
            if time.perf_counter() - started > WAIT_SECONDS:
                raise RuntimeError(f"No spectrogram within {WAIT_SECONDS:g} s.")
            time.sleep(0.02)
        figures["first_spectrogram_seconds"] = time.perf_counter() - started
        driver.execute_script("performance.clearResourceTimings()")
        for _ in range(40):
            driver.execute_script(RIGHT)
            time.sleep(0.2)
        time.sleep(2)
        tiles = driver.execute_script(TILES)
        return figures | {
            "tiles_asked": len(tiles),
            "tile_seconds_p95": float(np.percentile(tiles or [np.nan], 95)),
        }


@contextmanager
def served(heard: Path):
    """The address of a service; it is ended afterwards."""
    command = [sys.executable, "-m", "app.cli.main", "serve", "--port", "0", "--heard", str(heard)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield re.search(r"http://[\d.]+:\d+", process.stdout.readline())[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()


@contextmanager
def browser():
    """Chromium without a window."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser")
    for told in ("headless=new", "no-sandbox", "disable-gpu", "window-size=1280,900"):
        options.add_argument(f"--{told}")
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
