// The newest estimate as mood and numbers; screen readers announce it at most every 10 s.

const ANNOUNCE_INTERVAL = 10_000; // milliseconds
const DRAW_INTERVAL = 200;

const element = (id) => document.getElementById(id);
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

export class Now {
  constructor() {
    this.drawn = 0;
    this.announcedAt = 0;
    this.announced = "";
  }

  /** Shows an estimate. */
  show(point) {
    const time = performance.now();
    if (time - this.drawn < DRAW_INTERVAL) return;
    this.drawn = time;
    const words = point.silence ? "silence" : point.mood;
    element("mood").textContent = words;
    element("valence").textContent = `${signed(point.valence)} ± ${point.valence_std.toFixed(2)}`;
    element("arousal").textContent = `${signed(point.arousal)} ± ${point.arousal_std.toFixed(2)}`;
    if (words === this.announced || time - this.announcedAt < ANNOUNCE_INTERVAL) return;
    this.announced = words;
    this.announcedAt = time;
    const places = `valence ${point.valence.toFixed(1)}, arousal ${point.arousal.toFixed(1)}`;
    element("spoken").textContent = `${words}: ${places}`;
    element("plane").setAttribute("aria-label", `Valence and arousal: ${words}, ${places}`);
  }
}
