// Tiles of a spectrogram: fetched when they come into sight, coloured here, kept while there is room.

const MOST_TILES = 160;
const STOPS = [[0, 8, 12, 16], [.25, 18, 46, 66], [.5, 22, 110, 104], [.72, 110, 178, 88], [.88, 240, 212, 92], [1, 255, 252, 232]];

function shades(floor, range) {
  const table = new Uint32Array(256);
  for (let value = 0; value < 256; value++) {
    const decibels = -120 + (value - 1) * 120 / 254;
    const share = value === 0 ? 0 : Math.min(Math.max((decibels - floor) / range, 0), 1);
    const after = Math.max(STOPS.findIndex(stop => stop[0] >= share), 1);
    const [low, high] = [STOPS[after - 1], STOPS[after]];
    const part = (share - low[0]) / (high[0] - low[0]);
    const [r, g, b] = [1, 2, 3].map(k => Math.round(low[k] + part * (high[k] - low[k])));
    table[value] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

export class Tiles {
  constructor({ address, duration, zooms, columns, rows, finest, changed, failed }) {
    Object.assign(this, { address, duration, zooms, columns, rows, finest, changed, failed });
    this.kept = new Map();
    this.loading = 0;
    this.floor = -85;
    this.range = 45;
    this.version = 0;
    this.table = shades(this.floor, this.range);
  }

  seconds(zoom) { return this.columns * this.finest * 2 ** zoom; }

  // The zoom whose columns are as long as a pixel, or a little shorter.
  zoomFor(secondsPerPixel) {
    const zoom = Math.floor(Math.log2(secondsPerPixel / this.finest));
    return Math.min(Math.max(zoom, 0), this.zooms - 1);
  }

  setShades(floor, range) {
    [this.floor, this.range] = [floor, range];
    this.table = shades(floor, range);
    this.version++;
    this.changed();
  }

  // Draws what is there of the span, and asks for the rest; coarser tiles stand in meanwhile.
  draw(context, start, secondsPerPixel, width, height) {
    const zoom = this.zoomFor(secondsPerPixel), length = this.seconds(zoom);
    const last = Math.min(Math.floor((start + width * secondsPerPixel) / length), Math.ceil(this.duration / length) - 1);
    for (let number = Math.max(Math.floor(start / length), 0); number <= last; number++) {
      const tile = this.get(zoom, number);
      const x = (number * length - start) / secondsPerPixel;
      if (tile) { context.drawImage(tile, x, 0, length / secondsPerPixel, height); continue; }
      for (let coarse = zoom + 1; coarse < this.zooms; coarse++) {
        const parent = this.get(coarse, Math.floor(number / 2 ** (coarse - zoom)), false);
        if (!parent) continue;
        const part = this.columns / 2 ** (coarse - zoom), offset = (number % 2 ** (coarse - zoom)) * part;
        context.drawImage(parent, offset, 0, part, this.rows, x, 0, length / secondsPerPixel, height);
        break;
      }
    }
    if (last >= 0) for (const near of [last + 1, Math.floor(start / length) - 1]) {  // what is scrolled to next
      if (near >= 0 && near * length < this.duration && this.loading < 4) this.get(zoom, near);
    }
  }

  get(zoom, number, fetches = true) {
    const key = `${zoom}/${number}`;
    let tile = this.kept.get(key);
    if (!tile) { if (fetches) this.load(key); return null; }
    this.kept.delete(key);
    this.kept.set(key, tile);  // the latest used
    if (!tile.values) return null;
    if (tile.version !== this.version) this.colour(tile);
    return tile.canvas;
  }

  colour(tile) {
    tile.canvas ??= Object.assign(document.createElement("canvas"), { width: this.columns, height: this.rows });
    const context = tile.canvas.getContext("2d"), image = context.createImageData(this.columns, this.rows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let k = 0; k < pixels.length; k++) pixels[k] = this.table[tile.values[k]];
    context.putImageData(image, 0, 0);
    tile.version = this.version;
  }

  async load(key) {
    const tile = {};
    this.kept.set(key, tile);
    if (this.kept.size > MOST_TILES) this.kept.delete(this.kept.keys().next().value);
    this.loading++;
    try {
      const response = await fetch(`${this.address}/tile/${key}`);
      if (!response.ok) throw new Error((await response.json()).detail);
      tile.values = new Uint8Array(await response.arrayBuffer());
      this.hasCome = true;
      if (!this.isTuned) this.tune(tile.values);
    } catch (error) { this.failed(error.message || "This part of the recording cannot be read."); }
    this.loading--;
    this.changed();
  }

  // The first tile says how loud the background is: that is nearly black.
  tune(values) {
    const counts = new Uint32Array(256);
    for (const value of values) counts[value]++;
    const num = values.length - counts[0];
    if (!num) return;
    let [sum, median, high] = [0, 0, 0];
    for (let value = 1; value < 256; value++) {
      sum += counts[value];
      if (!median && sum >= num * .5) median = value;
      if (!high && sum >= num * .998) high = value;
    }
    const decibels = value => -120 + (value - 1) * 120 / 254;
    this.isTuned = true;
    const floor = Math.round(decibels(median) + 2);
    this.setShades(floor, Math.min(Math.max(Math.round(decibels(high) - floor), 20), 70));
    this.tuned?.(this.floor, this.range);
  }
}
