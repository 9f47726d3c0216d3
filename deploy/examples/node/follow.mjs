// Follow every zone of every node: print a bar of arousal and a mood per estimate.
//
//   npm install
//   node follow.mjs --host 192.168.1.20

import { parseArgs } from "node:util";
import mqtt from "mqtt";

// Maximum age of an estimate, ms. Requires synchronised clocks on both machines.
const MAX_AGE = 1000;

const { host, port } = parseArgs({
  options: {
    host: { type: "string", default: "localhost" },
    port: { type: "string", default: "1883" },
  },
}).values;

// Return the word for a quadrant; the topic `state` has a finer mood, one of thirteen.
function mood(valence, arousal) {
  if (arousal > 0) return valence > 0 ? "happy" : "tense";
  return valence > 0 ? "calm" : "sad";
}

// Print an estimate; skip one older than MAX_AGE.
function show(topic, payload) {
  const { ts, valence, arousal } = JSON.parse(payload);
  if (Date.now() - ts > MAX_AGE) return;
  const [, node, zone] = topic.split("/");
  const bar = "#".repeat(Math.round(10 * (arousal + 1))).padEnd(20);
  const number = (arousal < 0 ? "" : "+") + arousal.toFixed(2);
  console.log(`${node}/${zone} |${bar}| ${number} ${mood(valence, arousal)}`);
}

const client = mqtt.connect({
  host,
  port: Number(port),
  username: process.env.MQTT_USER,
  password: process.env.MQTT_PASSWORD,
  keepalive: 5,
  reconnectPeriod: 2000, // ms between attempts, without limit
});
client.on("message", show);
client.on("error", (error) => console.error(`${host}:${port}: ${error.message || error.code}`));
client.on("offline", () => console.error(`${host}:${port}: no broker; trying again`));
client.subscribe("streamer/+/+/va"); // sent on every connect
