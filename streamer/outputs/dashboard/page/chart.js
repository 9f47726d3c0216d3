// Chart of valence and arousal over the last minutes, with bands of one standard deviation.

import { color } from "./canvas.js";

const MAX_POINTS = 6000; // five minutes at twenty per second
const DRAW_INTERVAL = 250; // milliseconds
const MAX_GAP = 1.5; // seconds without a point before the line is interrupted

/** Formats seconds since 1970 as the time of day. */
const clock = (time) => new Date(1000 * time).toLocaleTimeString("en-GB");

export class Chart {
  constructor(holder) {
    this.holder = holder;
    this.span = 120;
    this.clear();
    this.recolor();
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(holder);
    setInterval(() => this.draw(), DRAW_INTERVAL);
  }

  /** Removes all points. */
  clear() {
    this.columns = Array.from({ length: 7 }, () => []); // time, then middle, low, high of each
  }

  /** Sets the time shown, in seconds. */
  setSpan(span) {
    this.span = span;
    this.draw();
  }

  /** Creates the plot again in the colours of the theme. */
  recolor() {
    this.plot?.destroy();
    const series = ["valence", "arousal"].flatMap((name) => [
      { label: name, stroke: color(name), width: 2, points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
    ]);
    const axis = { stroke: color("faint"), grid: { stroke: color("edge"), width: 1 }, ticks: { show: false } };
    const fill = (name) => `color-mix(in srgb, ${color(name)} 16%, transparent)`;
    const size = this.size();
    this.plot = new uPlot({
      ...size,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: true, auto: false }, y: { range: [-1, 1] } },
      series: [{}, ...series],
      bands: [
        { series: [3, 2], fill: fill("valence") },
        { series: [6, 5], fill: fill("arousal") },
      ],
      axes: [{ ...axis, size: 26, values: (_, times) => times.map(clock) }, { ...axis, size: 40, splits: () => [-1, -0.5, 0, 0.5, 1] }],
    }, this.columns, this.holder);
    this.draw();
  }

  size() {
    return { width: Math.max(200, this.holder.clientWidth), height: this.holder.clientHeight };
  }

  /** Adds estimates, the oldest first. */
  add(points) {
    for (const each of points) {
      const time = each.time / 1000;
      const last = this.columns[0].at(-1);
      if (last !== undefined && time <= last) continue; // the clock was set back
      if (time - last > MAX_GAP) this.push(last + MAX_GAP / 2, Array(6).fill(null));
      this.push(time, ["valence", "arousal"].flatMap((name) => {
        const [middle, wide] = [each[name], each[`${name}_std`]];
        return [middle, middle - wide, middle + wide];
      }));
    }
    const extra = this.columns[0].length - MAX_POINTS;
    if (extra > 0) for (const column of this.columns) column.splice(0, extra);
  }

  push(time, values) {
    [time, ...values].forEach((value, index) => this.columns[index].push(value));
  }

  draw() {
    const newest = this.columns[0].at(-1);
    if (newest === undefined || document.hidden) return;
    let first = this.columns[0].findIndex((time) => time >= newest - this.span - 1);
    first = Math.max(0, first);
    this.plot.batch(() => {
      this.plot.setData(this.columns.map((column) => column.slice(first)), false);
      this.plot.setScale("x", { min: newest - this.span, max: newest });
    });
  }
}
