// The fixtures of the show as they shine.

const element = (id) => document.getElementById(id);

export class Lights {
  constructor() {
    this.shown = new Map();
  }

  /** Show every fixture, [name, colour, intensity]. */
  show({ fixtures, troubles }) {
    element("lights").hidden = fixtures.length === 0;
    if (fixtures.length !== this.shown.size || fixtures.some(([name]) => !this.shown.has(name))) {
      this.hang(fixtures);
    }
    for (const [name, color, intensity] of fixtures) {
      const { lamp, level } = this.shown.get(name);
      lamp.style.background = color;
      level.textContent = `${Math.round(100 * intensity)} %`;
    }
    const wrong = Object.entries(troubles).map(([output, trouble]) => `${output}: ${trouble}`);
    element("light-trouble").textContent = wrong.join("; ");
  }

  hang(fixtures) {
    this.shown.clear();
    element("fixtures").replaceChildren(...fixtures.map(([name]) => {
      const item = document.createElement("li");
      const lamp = document.createElement("i");
      const level = document.createElement("span");
      item.append(lamp, `${name} `, level);
      this.shown.set(name, { lamp, level });
      return item;
    }));
  }
}
