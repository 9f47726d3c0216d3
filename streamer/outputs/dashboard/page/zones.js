// Navigation between zones; each link shows the mood, or the state if it is not healthy.

const HEALTHY = ["ok", "warming", "silent"];

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

  /** Shows the newest estimate of a zone. */
  point(name, point) {
    this.show(name, { mood: point.silence ? "silence" : point.mood });
  }

  /** Shows the state of a zone. */
  health(name, health) {
    this.show(name, { state: health.state });
  }

  show(name, change) {
    const zone = this.words.get(name);
    if (!zone) return;
    Object.assign(zone, change);
    const healthy = HEALTHY.includes(zone.state);
    const text = healthy ? zone.mood : zone.state;
    if (zone.word.textContent !== text) zone.word.textContent = text;
    zone.word.classList.toggle("bad", !healthy);
  }
}
