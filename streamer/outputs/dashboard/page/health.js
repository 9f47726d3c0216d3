// Health of the zone: state, level, latency, losses.

const FLOOR = -90; // dBFS at which the meter is empty
const DRAW_INTERVAL = 200; // milliseconds
const NUMBERS = [
  "Source", "Title", "Broker", "Latency now", "Latency, p50 / p99", "Estimates", "Dropped",
  "Gaps / restarts", "Engine", "Processor", "Memory",
];

const element = (id) => document.getElementById(id);
const ms = (value) => `${Math.round(value)} ms`;

export class Health {
  constructor() {
    this.drawn = 0;
    this.numbers = new Map(NUMBERS.map((name) => {
      const [term, place] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      term.hidden = place.hidden = true; // until it has a value
      element("numbers").append(term, place);
      return [name, { term, place }];
    }));
  }

  /** Shows the level and the latency of an estimate. */
  point(point) {
    const time = performance.now();
    if (time - this.drawn < DRAW_INTERVAL) return;
    this.drawn = time;
    const level = Math.max(FLOOR, Math.min(0, point.level));
    const meter = element("level");
    meter.firstElementChild.style.width = `${100 * (1 - level / FLOOR)}%`;
    meter.classList.toggle("silent", Boolean(point.silence));
    meter.setAttribute("aria-valuenow", level.toFixed(0));
    const text = `${point.level.toFixed(0)} dBFS`;
    meter.setAttribute("aria-valuetext", point.silence ? `${text}, silence` : text);
    element("level-text").textContent = text;
    this.setNumber("Latency now", ms(point.latency_ms));
  }

  /** Shows a health message. */
  show(health) {
    element("state-word").textContent = health.state;
    element("state-word").dataset.state = health.state;
    element("reason").textContent = health.reason;
    const { drops, latency_ms: latency } = health;
    if (latency) this.setNumber("Latency, p50 / p99", `${ms(latency.p50)} / ${ms(latency.p99)}`);
    this.setNumber("Dropped", `${drops.capture + drops.inference + drops.publish}`);
    this.setNumber("Gaps / restarts", `${health.gaps} / ${health.restarts}`);
    if (health.rate_hz) this.setNumber("Estimates", `${health.rate_hz} / s`);
    this.setNumber("Engine", health.engine ?? "–");
    if (health.cpu_percent !== null) this.setNumber("Processor", `${health.cpu_percent.toFixed(0)} %`);
    if (health.memory_mb !== null) this.setNumber("Memory", `${health.memory_mb.toFixed(0)} MB`);
  }

  /** Shows the input. */
  source({ name, title }) {
    this.setNumber("Source", name);
    this.setNumber("Title", title);
  }

  /** Shows the broker. */
  broker({ address, connected }) {
    this.setNumber("Broker", connected ? address : `not connected: ${address}`);
  }

  setNumber(name, text) {
    const { term, place } = this.numbers.get(name);
    term.hidden = place.hidden = !text;
    if (place.textContent !== text) place.textContent = text;
  }
}
