// Valence-arousal plane: the current point, its trail, and its standard deviation.

import { color, fit, reducedMotion } from "./canvas.js";

const TRAIL = 20_000; // milliseconds
const TIME_CONSTANT = 120; // milliseconds in which the point moves 63 % of the way
const STALE = 2500; // milliseconds without an estimate before the point fades
const WORDS = [["excited", 1, 1], ["tense", -1, 1], ["sad", -1, -1], ["calm", 1, -1]];

export class Plane {
  constructor(canvas) {
    this.canvas = canvas;
    this.trail = [];
    this.place = null; // where the point is drawn: valence, arousal and deviations
    this.receivedAt = 0; // arrival of the newest estimate, by the clock of the page
    this.frozen = false;
    this.recolor();
    this.drawn = performance.now();
    requestAnimationFrame((time) => this.frame(time));
  }

  /** Reads the colours of the theme again. */
  recolor() {
    const names = ["edge", "faint", "text", "accent", "valence", "arousal"];
    this.colors = Object.fromEntries(names.map((name) => [name, color(name)]));
  }

  /** Adds estimates, the oldest first. */
  add(points) {
    this.trail.push(...points);
    const newest = this.trail.at(-1).time;
    this.trail = this.trail.filter((each) => newest - each.time < TRAIL);
    this.receivedAt = performance.now();
  }

  frame(time) {
    requestAnimationFrame((next) => this.frame(next));
    const passed = time - this.drawn;
    this.drawn = time;
    const target = this.trail.at(-1);
    if (target) {
      const share = reducedMotion.matches || !this.place ? 1 : 1 - Math.exp(-passed / TIME_CONSTANT);
      const from = this.place ?? target;
      this.place = {};
      for (const key of ["valence", "arousal", "valence_std", "arousal_std"]) {
        this.place[key] = from[key] + share * (target[key] - from[key]);
      }
    }
    this.draw(time);
  }

  draw(time) {
    const { context, width } = fit(this.canvas);
    const middle = width / 2;
    const radius = middle - 6;
    const x = (valence) => middle + valence * radius;
    const y = (arousal) => middle - arousal * radius;
    context.clearRect(0, 0, width, width);
    this.drawAxes(context, middle, radius);
    if (!this.place) return;
    const old = time - this.receivedAt > STALE;
    const newest = this.trail.at(-1);
    context.save();
    context.beginPath();
    context.rect(middle - radius, middle - radius, 2 * radius, 2 * radius);
    context.clip();
    if (!old) this.drawTrail(context, x, y, newest.time);
    this.drawDeviation(context, x, y, radius);
    context.restore();
    context.beginPath();
    context.arc(x(this.place.valence), y(this.place.arousal), 8, 0, 2 * Math.PI);
    context.globalAlpha = old ? 0.35 : 1;
    if (newest.silence || this.frozen) {
      context.lineWidth = 3;
      context.strokeStyle = this.frozen ? this.colors.accent : this.colors.text;
      context.stroke();
    } else {
      context.fillStyle = this.colors.text;
      context.fill();
    }
    context.globalAlpha = 1;
  }

  drawAxes(context, middle, radius) {
    context.strokeStyle = this.colors.edge;
    context.lineWidth = 1;
    context.strokeRect(middle - radius, middle - radius, 2 * radius, 2 * radius);
    context.beginPath();
    context.moveTo(middle - radius, middle);
    context.lineTo(middle + radius, middle);
    context.moveTo(middle, middle - radius);
    context.lineTo(middle, middle + radius);
    context.stroke();
    context.fillStyle = this.colors.faint;
    context.font = "13px system-ui, sans-serif";
    for (const [word, across, up] of WORDS) {
      context.textAlign = across > 0 ? "right" : "left";
      context.textBaseline = up > 0 ? "top" : "bottom";
      context.fillText(word, middle + across * (radius - 8), middle - up * (radius - 8));
    }
    context.textAlign = "right";
    context.textBaseline = "bottom";
    context.fillStyle = this.colors.valence;
    context.fillText("valence", middle + radius - 8, middle - 4);
    context.save();
    context.translate(middle - 4, middle - radius + 8);
    context.rotate(-Math.PI / 2);
    context.fillStyle = this.colors.arousal;
    context.fillText("arousal", 0, 0);
    context.restore();
  }

  drawTrail(context, x, y, newest) {
    context.lineWidth = 2;
    context.lineCap = "round";
    context.strokeStyle = this.colors.accent;
    for (let i = 1; i < this.trail.length; i += 1) {
      const [from, to] = [this.trail[i - 1], this.trail[i]];
      context.globalAlpha = 0.8 * (1 - (newest - to.time) / TRAIL);
      context.beginPath();
      context.moveTo(x(from.valence), y(from.arousal));
      context.lineTo(x(to.valence), y(to.arousal));
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  /** Draws an ellipse of one standard deviation. */
  drawDeviation(context, x, y, radius) {
    const { valence, arousal, valence_std: wide, arousal_std: high } = this.place;
    context.beginPath();
    context.ellipse(x(valence), y(arousal), wide * radius, high * radius, 0, 0, 2 * Math.PI);
    context.fillStyle = this.colors.accent;
    context.globalAlpha = 0.14;
    context.fill();
    context.globalAlpha = 0.5;
    context.lineWidth = 1;
    context.strokeStyle = this.colors.accent;
    context.stroke();
    context.globalAlpha = 1;
  }
}
