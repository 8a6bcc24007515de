// The pointer on outlines and shapes: hover, click, and a tooltip of plain text.
import { el } from './dom.js';
import { OUTLINES } from './layers.js';

const NEAR = 4;
const MOST = 8;

export class Outlines {
  constructor(map, root, { onHover, onPick, isBusy }) {
    Object.assign(this, { map, onHover, onPick, isBusy, hovered: null });
    this.tip = el('div', { class: 'sm-tip', hidden: true });
    root.append(this.tip);
    map.on('mousemove', (event) => this.hover(event));
    map.on('mouseout', () => this.hover(null));
    map.on('click', (event) => {
      if (isBusy()) return;
      const feature = this.at(event.point, this.layers(OUTLINES));
      this.onPick(feature?.id ?? null);
    });
  }

  layers(prefix) {
    return this.map.getLayersOrder().filter((id) => id.startsWith(prefix) && id.endsWith('-fill'));
  }

  // What is under the pointer, or else close to it: slim outlines are hard to hit.
  at({ x, y }, layers) {
    if (!layers.length) return undefined;
    const find = (where) => this.map.queryRenderedFeatures(where, { layers })[0];
    return find([x, y]) ?? find([[x - NEAR, y - NEAR], [x + NEAR, y + NEAR]]);
  }

  hover(event) {
    const busy = this.isBusy();
    const outline = event && !busy ? this.at(event.point, this.layers(OUTLINES)) : null;
    const feature = outline ?? (event && !busy ? this.at(event.point, this.layers('shapes:')) : null);
    const id = outline?.id ?? null;
    if (this.hovered !== id) {
      this.hovered = id;
      this.onHover(id);
      if (!busy) this.map.getCanvas().style.cursor = outline ? 'pointer' : '';
    }
    const said = outline ? [outline] : feature ? [feature, ...this.map.queryRenderedFeatures(event.point, { layers: this.layers('shapes:') })] : [];
    const names = [...new Set(said.map(({ properties }) => properties.label).filter(Boolean))].slice(0, MOST); // shapes often lie on each other
    this.tip.hidden = !names.length;
    if (!names.length) return;
    this.tip.replaceChildren(...names.map((name) => el('b', {}, name)), ...(feature.properties.note ? [feature.properties.note] : []));
    const frame = this.map.getContainer();
    const place = (at, room, size) => Math.round(at + 14 + size > room ? at - 14 - size : at + 14);
    const x = place(event.point.x, frame.clientWidth, this.tip.offsetWidth);
    const y = place(event.point.y, frame.clientHeight, this.tip.offsetHeight);
    this.tip.style.transform = `translate(${x}px, ${y}px)`;
  }
}
