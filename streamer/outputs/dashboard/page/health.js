// How the zone fares: state, level, latency, losses.

const FLOOR = -90; // dBFS at which the meter is empty
const WRITE = 200; // milliseconds between two drawings of the meter
const NUMBERS = [
  "Source", "Title", "Broker", "Latency now", "Latency, p50 / p99", "Estimates", "Left out",
  "Gaps / restarts", "Engine", "Processor", "Memory",
];

const element = (id) => document.getElementById(id);
const ms = (value) => `${Math.round(value)} ms`;

export class Health {
  constructor() {
    this.written = 0;
    this.numbers = new Map(NUMBERS.map((name) => {
      const [term, place] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      term.hidden = place.hidden = true; // until there is something to say
      element("numbers").append(term, place);
      return [name, { term, place }];
    }));
  }

  /** Show the level and the latency of an estimate. */
  point(point) {
    const time = performance.now();
    if (time - this.written < WRITE) return;
    this.written = time;
    const level = Math.max(FLOOR, Math.min(0, point.level));
    const meter = element("level");
    meter.firstElementChild.style.width = `${100 * (1 - level / FLOOR)}%`;
    meter.classList.toggle("silent", Boolean(point.silence));
    meter.setAttribute("aria-valuenow", level.toFixed(0));
    const text = `${point.level.toFixed(0)} dBFS`;
    meter.setAttribute("aria-valuetext", point.silence ? `${text}, silence` : text);
    element("level-text").textContent = text;
    this.number("Latency now", ms(point.latency_ms));
  }

  /** Show a health message. */
  show(health) {
    element("state-word").textContent = health.state;
    element("state-word").dataset.state = health.state;
    element("reason").textContent = health.reason;
    const { drops, latency_ms: latency } = health;
    if (latency) this.number("Latency, p50 / p99", `${ms(latency.p50)} / ${ms(latency.p99)}`);
    this.number("Left out", `${drops.capture + drops.inference + drops.publish}`);
    this.number("Gaps / restarts", `${health.gaps} / ${health.restarts}`);
    if (health.rate_hz) this.number("Estimates", `${health.rate_hz} / s`);
    this.number("Engine", health.engine ?? "–");
    if (health.cpu_percent !== null) this.number("Processor", `${health.cpu_percent.toFixed(0)} %`);
    if (health.memory_mb !== null) this.number("Memory", `${health.memory_mb.toFixed(0)} MB`);
  }

  /** Show what is listened to. */
  source({ name, title }) {
    this.number("Source", name);
    this.number("Title", title);
  }

  /** Show where it is published. */
  broker({ address, connected }) {
    this.number("Broker", connected ? address : `not connected: ${address}`);
  }

  number(name, text) {
    const { term, place } = this.numbers.get(name);
    term.hidden = place.hidden = !text;
    if (place.textContent !== text) place.textContent = text;
  }
}
