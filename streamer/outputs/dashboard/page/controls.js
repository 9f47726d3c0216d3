// Controls. Each shows the value that the tracker reports, not the one that was clicked.

const ACK_TIMEOUT = 5000; // milliseconds

const element = (id) => document.getElementById(id);

export class Controls {
  /**
   * @param {string} zone
   * @param {(command: object) => boolean} send
   */
  constructor(zone, send) {
    Object.assign(this, { zone, send, pending: new Map(), number: 0, calibrating: false });
    element("freeze").addEventListener("click", () => {
      const frozen = element("freeze").getAttribute("aria-pressed") === "true";
      this.sendCommand("freeze", frozen ? "off" : "on", frozen ? "unfreeze" : "freeze");
    });
    for (const name of ["smoothing", "rate"]) {
      element(name).addEventListener("change", ({ target }) => {
        this.sendCommand(name, target.value, `${name} ${target.selectedOptions[0].textContent}`);
      });
    }
    element("calibrate").addEventListener("click", () => this.sendCommand("calibrate", "start", "calibrate"));
    element("reset").addEventListener("click", () => this.sendCommand("calibrate", "reset", "reset calibration"));
  }

  /** Lists the smoothers to choose from. */
  setSmoothers(smoothers) {
    element("smoothing").replaceChildren(...smoothers.map((name) => new Option(name, name)));
  }

  /** Enables all controls while connected. */
  enable(connected) {
    for (const each of element("controls").querySelectorAll("button, select")) each.disabled = !connected;
  }

  /** Shows the current settings of the zone. */
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
      if (this.calibrating) this.countSeconds();
    }
    if (!this.calibrating) element("calibrate").textContent = "Calibrate (60 s)";
  }

  /** Counts the seconds of a running calibration. */
  countSeconds() {
    const begun = Date.now();
    const showSeconds = () => {
      element("calibrate").textContent = `Listening, ${Math.round((Date.now() - begun) / 1000)} s`;
    };
    showSeconds();
    this.clock = setInterval(showSeconds, 1000);
  }

  /** Sends a command; `label` names it in messages. */
  sendCommand(name, value, label) {
    const id = String((this.number += 1));
    if (!this.send({ zone: this.zone, name, value, id })) return;
    const timer = setTimeout(() => this.showMessage(`${label}: no answer`, false), ACK_TIMEOUT);
    this.pending.set(id, { label, timer });
    this.showMessage(`${label} …`);
  }

  /** Shows the answer to a command. */
  handleAck(ack) {
    const id = ack.id.split(".").pop();
    const command = this.pending.get(id);
    if (!command) return;
    clearTimeout(command.timer);
    if (!ack.ok) this.showMessage(`${command.label}: refused, ${ack.reason}`, false);
    else if (typeof ack.value === "string" && ack.value.startsWith("listening")) this.showMessage(ack.value);
    else if (command.label === "calibrate") this.showMessage(`calibrated: gain ${ack.value} dB`);
    else this.showMessage(`${command.label}: done`);
  }

  showMessage(text, good = true) {
    element("answer").textContent = text;
    element("answer").classList.toggle("bad", !good);
  }
}

/** Selects an option; adds it if it is not listed. */
function choose(select, value, text) {
  if (document.activeElement === select && select.value === value) return;
  if (![...select.options].some((each) => each.value === value)) select.add(new Option(text, value));
  select.value = value;
}
