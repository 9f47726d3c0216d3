// Where the music is now, in words and numbers; for ears it is said seldom.

const SPEAK = 10_000; // milliseconds between two things that are read aloud
const WRITE = 200;

const element = (id) => document.getElementById(id);
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

export class Now {
  constructor() {
    this.written = 0;
    this.spoken = 0;
    this.said = "";
  }

  /** Show an estimate. */
  show(point) {
    const time = performance.now();
    if (time - this.written < WRITE) return;
    this.written = time;
    const words = point.silence ? "silence" : point.mood;
    element("mood").textContent = words;
    element("valence").textContent = `${signed(point.valence)} ± ${point.valence_std.toFixed(2)}`;
    element("arousal").textContent = `${signed(point.arousal)} ± ${point.arousal_std.toFixed(2)}`;
    if (words === this.said || time - this.spoken < SPEAK) return;
    this.said = words;
    this.spoken = time;
    const places = `valence ${point.valence.toFixed(1)}, arousal ${point.arousal.toFixed(1)}`;
    element("spoken").textContent = `${words}: ${places}`;
    element("plane").setAttribute("aria-label", `Valence and arousal: ${words}, ${places}`);
  }
}
