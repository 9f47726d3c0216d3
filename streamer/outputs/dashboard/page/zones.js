// The zones there are, each with its word and whether it is well.

const WELL = ["ok", "warming", "silent"];

export class Zones {
  constructor(nav, names, current) {
    this.words = new Map();
    nav.replaceChildren(...names.map((name) => {
      const [link, word] = [document.createElement("a"), document.createElement("small")];
      link.href = `/zone/${encodeURIComponent(name)}`;
      link.textContent = name;
      if (name === current) link.setAttribute("aria-current", "page");
      link.append(word);
      this.words.set(name, { word, mood: "", state: "ok" });
      return link;
    }));
  }

  /** Show a zone's newest estimate. */
  point(name, point) {
    this.show(name, { mood: point.silence ? "silence" : point.mood });
  }

  /** Show how a zone fares. */
  health(name, health) {
    this.show(name, { state: health.state });
  }

  show(name, change) {
    const zone = this.words.get(name);
    if (!zone) return;
    Object.assign(zone, change);
    const well = WELL.includes(zone.state);
    const text = well ? zone.mood : zone.state;
    if (zone.word.textContent !== text) zone.word.textContent = text;
    zone.word.classList.toggle("bad", !well);
  }
}
