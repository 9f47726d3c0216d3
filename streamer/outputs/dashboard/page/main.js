// Passes the messages of the websocket on to the parts of the page.

import { Chart } from "./chart.js";
import { Controls } from "./controls.js";
import { Health } from "./health.js";
import { Lights } from "./lights.js";
import { Link } from "./link.js";
import { Now } from "./now.js";
import { Plane } from "./plane.js";
import { Views } from "./views.js";
import { Zones } from "./zones.js";

const zone = decodeURIComponent(location.pathname.split("/").pop());
const element = (id) => document.getElementById(id);

const link = new Link(`/live/${encodeURIComponent(zone)}`);
const controls = new Controls(zone, (command) => link.send(command));
const health = new Health();
const lights = new Lights();
const now = new Now();
const plane = new Plane(element("plane"));
const chart = new Chart(element("chart"));
let zones = null;
let views = null;
let columns = [];

function start(hello) {
  element("node").textContent = hello.node;
  element("version").textContent = `streamer ${hello.version} · the weights are for research (CC BY-NC-SA 4.0)`;
  document.title = `${zone} · ${hello.node} · streamer`;
  columns = hello.columns;
  zones = new Zones(element("zones"), hello.zones, zone);
  views = new Views(element("mel"), element("cochleagram"), hello.views);
  controls.setSmoothers(hello.smoothers);
  chart.clear();
}

/** Returns a row as an object with its column names. */
function toPoint(row) {
  return Object.fromEntries(columns.map((name, index) => [name, row[index]]));
}

function update(news) {
  for (const [name, rows] of Object.entries(news.points ?? {})) {
    const points = rows.map(toPoint);
    zones.point(name, points.at(-1));
    if (name === zone) {
      plane.add(points);
      chart.add(points);
      now.show(points.at(-1));
      health.point(points.at(-1));
    }
  }
  for (const frames of news.views ?? []) views.add(frames);
  for (const ack of news.acks ?? []) controls.handleAck(ack);
  for (const [name, value] of Object.entries(news.facts ?? {})) {
    const [kind, of] = name.split("/");
    if (kind === "health") zones.health(of, value);
    if (kind === "broker") health.broker(value);
    if (kind === "lights") lights.show(value);
    if (of !== zone) continue;
    if (kind === "health") health.show(value);
    if (kind === "source") health.source(value);
    if (kind === "controls") { controls.show(value); plane.frozen = value.freeze; }
  }
}

link.onhello = start;
link.onnews = update;
link.onstate = (connected, words) => {
  const line = element("connection");
  line.textContent = words;
  line.classList.toggle("bad", !connected);
  controls.enable(connected);
};

for (const choice of document.querySelectorAll('input[name="span"]')) {
  choice.addEventListener("change", () => chart.setSpan(Number(choice.value)));
}

element("theme").addEventListener("click", () => {
  const light = document.documentElement.dataset.theme !== "light";
  document.documentElement.dataset.theme = light ? "light" : "dark";
  localStorage.setItem("theme", light ? "light" : "dark");
  labelThemeButton();
  plane.recolor();
  chart.recolor();
});

function labelThemeButton() {
  const light = document.documentElement.dataset.theme === "light";
  element("theme").textContent = light ? "Dark theme" : "Light theme";
}

labelThemeButton();
link.open();
