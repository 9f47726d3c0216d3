// Scrolling spectrograms of both views: time to the right, low frequencies at the bottom.

const SECONDS = 10;

/** Returns 256 RGBA colours interpolated between the given RGB stops. */
function colorMap(...stops) {
  const table = new Uint8ClampedArray(4 * 256);
  for (let i = 0; i < 256; i += 1) {
    const at = (i / 255) * (stops.length - 1);
    const k = Math.min(stops.length - 2, Math.floor(at));
    for (let part = 0; part < 3; part += 1) {
      table[4 * i + part] = stops[k][part] + (at - k) * (stops[k + 1][part] - stops[k][part]);
    }
    table[4 * i + 3] = 255;
  }
  return table;
}

const VIOLET = colorMap([4, 4, 12], [64, 16, 100], [176, 60, 120], [246, 140, 80], [252, 240, 190]);
const TEAL = colorMap([4, 6, 12], [10, 50, 80], [16, 120, 130], [90, 200, 140], [245, 250, 200]);

export class Views {
  /** @param views number of bands of each view, and frames per second */
  constructor(mel, cochleagram, views) {
    const columns = Math.round(SECONDS * views.rate);
    this.mel = new Scroll(mel, columns, views.mel, VIOLET);
    this.cochleagram = new Scroll(cochleagram, columns, views.cochleagram, TEAL);
  }

  /** Adds frames of both views, base64 of one byte per band. */
  add(frames) {
    this.mel.add(frames.mel);
    this.cochleagram.add(frames.cochleagram);
  }
}

/** Spectrogram in a ring buffer of columns, drawn in two parts. */
class Scroll {
  constructor(canvas, columns, bands, table) {
    Object.assign(this, { canvas, columns, bands, table, next: 0 });
    canvas.width = columns;
    canvas.height = bands;
    this.ring = new OffscreenCanvas(columns, bands);
    this.pen = this.ring.getContext("2d");
    this.pen.fillStyle = `rgb(${table.slice(0, 3).join()})`;
    this.pen.fillRect(0, 0, columns, bands);
    this.image = this.pen.createImageData(1, bands);
  }

  add(coded) {
    const bytes = Uint8Array.from(atob(coded), (each) => each.charCodeAt(0));
    for (let start = 0; start < bytes.length; start += this.bands) {
      for (let band = 0; band < this.bands; band += 1) {
        const from = 4 * bytes[start + band];
        this.image.data.set(this.table.subarray(from, from + 4), 4 * (this.bands - 1 - band));
      }
      this.pen.putImageData(this.image, this.next, 0);
      this.next = (this.next + 1) % this.columns;
    }
    if (!document.hidden) this.draw();
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const old = this.columns - this.next; // columns from the ring's oldest to its end
    context.drawImage(this.ring, this.next, 0, old, this.bands, 0, 0, old, this.bands);
    if (this.next) context.drawImage(this.ring, 0, 0, this.next, this.bands, old, 0, this.next, this.bands);
  }
}
