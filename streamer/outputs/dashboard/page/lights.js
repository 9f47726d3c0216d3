// Fixtures of the light show in their current colours.

const element = (id) => document.getElementById(id);

export class Lights {
  constructor() {
    this.lamps = new Map();
  }

  /** Shows fixtures, each [name, colour, intensity], and errors by output. */
  show({ fixtures, troubles }) {
    element("lights").hidden = fixtures.length === 0;
    if (fixtures.length !== this.lamps.size || fixtures.some(([name]) => !this.lamps.has(name))) {
      this.createLamps(fixtures);
    }
    for (const [name, color, intensity] of fixtures) {
      const { lamp, level } = this.lamps.get(name);
      lamp.style.background = color;
      level.textContent = `${Math.round(100 * intensity)} %`;
    }
    const errors = Object.entries(troubles).map(([output, error]) => `${output}: ${error}`);
    element("light-trouble").textContent = errors.join("; ");
  }

  createLamps(fixtures) {
    this.lamps.clear();
    element("fixtures").replaceChildren(...fixtures.map(([name]) => {
      const item = document.createElement("li");
      const lamp = document.createElement("i");
      const level = document.createElement("span");
      item.append(lamp, `${name} `, level);
      this.lamps.set(name, { lamp, level });
      return item;
    }));
  }
}
