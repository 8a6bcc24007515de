// Under the pointer: coordinates in degrees at once, in the project's CRS and the values of what shows a moment later.
import { el } from './dom.js';
import { valuesOf } from './layers.js';

const PAUSE_MS = 120;
const MOST = 6;

export class Readout {
  constructor(map, layersAt) {
    Object.assign(this, { map, layersAt, timer: null, asked: null, last: null });
    this.degrees = el('span', {});
    this.metres = el('span', {});
    this.values = el('div', { class: 'sm-values' });
    this.node = el('div', { class: 'sm-readout', hidden: true }, this.values, el('div', { class: 'sm-place' }, this.degrees, this.metres));
    map.on('mousemove', (event) => this.move(event));
    map.on('touchstart', (event) => this.move(event));
    map.on('mouseout', () => this.leave());
  }

  move({ lngLat, point }) {
    const place = lngLat.wrap();
    const part = (value, plus, minus) => `${Math.abs(value).toFixed(5)}° ${value < 0 ? minus : plus}`;
    this.node.hidden = false;
    this.degrees.textContent = `${part(place.lat, 'N', 'S')}  ${part(place.lng, 'E', 'W')}`;
    this.last = { place, x: point.x };
    // One question at a time, and never more often than every so many milliseconds.
    this.timer ??= setTimeout(() => this.ask(), PAUSE_MS);
  }

  leave() {
    clearTimeout(this.timer);
    this.timer = this.last = null;
    this.asked?.abort();
    this.node.hidden = true;
  }

  async ask() {
    const { place, x } = this.last;
    this.asked?.abort();
    const { signal } = (this.asked = new AbortController());
    const layers = this.layersAt(x).filter(valuesOf);
    const shown = layers.filter((layer) => layer.visible && layer.opacity > 0).slice(0, MOST);
    const first = layers.findLast((layer) => layer.choices) ?? layers.at(-1); // an image knows the project's CRS
    const wanted = shown.includes(first) || !first ? shown : [...shown, first];
    const answers = await Promise.all(wanted.map((layer) => this.fetch(layer, place, signal)));
    this.timer = null;
    if (signal.aborted || !this.last) return;
    const there = answers[wanted.indexOf(first)];
    this.metres.textContent = there?.metric ? `${there.x.toFixed(1)}  ${there.y.toFixed(1)}  ${there.crs}` : '';
    this.values.replaceChildren(...shown.flatMap((layer, at) => (answers[at]?.text
      ? [el('span', { 'data-value': layer.slot }, el('b', {}, layer.title), answers[at].text)] : [])));
    if (this.last.place !== place) this.timer ??= setTimeout(() => this.ask(), PAUSE_MS);
  }

  async fetch(layer, place, signal) {
    try {
      const answer = await fetch(`${valuesOf(layer)}${place.lng.toFixed(7)}/${place.lat.toFixed(7)}`, { signal });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null; // moved on, or the server is away
    }
  }
}
