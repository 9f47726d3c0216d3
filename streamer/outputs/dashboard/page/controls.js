// The knobs. Each shows what is in effect, as the tracker says, not what was clicked.

const PATIENCE = 5000; // milliseconds until a command counts as not answered

const element = (id) => document.getElementById(id);

export class Controls {
  /**
   * @param {string} zone
   * @param {(command: object) => boolean} send
   */
  constructor(zone, send) {
    Object.assign(this, { zone, send, asked: new Map(), number: 0, calibrating: false });
    element("freeze").addEventListener("click", () => {
      const frozen = element("freeze").getAttribute("aria-pressed") === "true";
      this.ask("freeze", frozen ? "off" : "on", frozen ? "let it move" : "freeze");
    });
    for (const name of ["smoothing", "rate"]) {
      element(name).addEventListener("change", ({ target }) => {
        this.ask(name, target.value, `${name} ${target.selectedOptions[0].textContent}`);
      });
    }
    element("calibrate").addEventListener("click", () => this.ask("calibrate", "start", "calibrate"));
    element("reset").addEventListener("click", () => this.ask("calibrate", "reset", "reset calibration"));
  }

  /** Offer these smoothers. */
  begin(smoothers) {
    element("smoothing").replaceChildren(...smoothers.map((name) => new Option(name, name)));
  }

  /** Let nobody turn what is not there. */
  enable(connected) {
    for (const each of element("controls").querySelectorAll("button, select")) each.disabled = !connected;
  }

  /** Show what is in effect. */
  show(controls) {
    element("freeze").setAttribute("aria-pressed", String(controls.freeze));
    element("freeze").textContent = controls.freeze ? "Frozen" : "Freeze";
    choose(element("smoothing"), controls.smoothing, controls.smoothing);
    choose(element("rate"), String(controls.rate), `${controls.rate} / s`);
    const gain = controls.gain_db;
    element("gain").textContent = gain ? `gain ${gain > 0 ? "+" : "−"}${Math.abs(gain)} dB` : "not calibrated";
    if (controls.calibrating !== this.calibrating) {
      this.calibrating = controls.calibrating;
      clearInterval(this.clock);
      if (this.calibrating) this.count();
    }
    if (!this.calibrating) element("calibrate").textContent = "Calibrate (60 s)";
  }

  /** Count the seconds of a calibration that listens. */
  count() {
    const begun = Date.now();
    const tell = () => {
      element("calibrate").textContent = `Listening, ${Math.round((Date.now() - begun) / 1000)} s`;
    };
    tell();
    this.clock = setInterval(tell, 1000);
  }

  /** Send a command; `what` says it to people. */
  ask(name, value, what) {
    const id = String((this.number += 1));
    if (!this.send({ zone: this.zone, name, value, id })) return;
    const timer = setTimeout(() => this.say(`${what}: no answer`, false), PATIENCE);
    this.asked.set(id, { what, timer });
    this.say(`${what} …`);
  }

  /** Take the answer to a command. */
  answer(ack) {
    const id = ack.id.split(".").pop();
    const asked = this.asked.get(id);
    if (!asked) return;
    clearTimeout(asked.timer);
    if (!ack.ok) this.say(`${asked.what}: refused, ${ack.reason}`, false);
    else if (typeof ack.value === "string" && ack.value.startsWith("listening")) this.say(ack.value);
    else if (asked.what === "calibrate") this.say(`calibrated: gain ${ack.value} dB`);
    else this.say(`${asked.what}: done`);
  }

  say(text, good = true) {
    element("answer").textContent = text;
    element("answer").classList.toggle("bad", !good);
  }
}

/** Choose an option, and add it where it is none of the usual ones. */
function choose(select, value, text) {
  if (document.activeElement === select && select.value === value) return;
  if (![...select.options].some((each) => each.value === value)) select.add(new Option(text, value));
  select.value = value;
}
