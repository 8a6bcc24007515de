// Two layers side by side: a second map on top, cut at a handle, shows what the first one does with the other layer.
import { Map as MapLibre } from 'maplibre-gl';
import { Canvas } from './layers.js';
import { button, el } from './dom.js';

const STEP = 0.02;
const FLICKER_MS = 700;

export class Swipe {
  constructor(map, root, memory, onChange) {
    Object.assign(this, { map, root, memory, onChange, layers: [], at: 0.5, map2: null, beat: null });
    this.follow = () => this.map2?.jumpTo({ center: map.getCenter(), zoom: map.getZoom(), bearing: map.getBearing() });
  }

  get on() {
    return this.map2 !== null;
  }

  toggle(pair) {
    if (this.on && !pair) this.stop();
    else this.start(pair);
  }

  start(pair) {
    if (pair) this.memory.set('pair', pair);
    if (!this.on && this.choices().length > 1) {
      this.build();
      this.onChange();
    } else if (pair) this.onChange();
  }

  build() {
    const { map, root } = this;
    this.pane = el('div', { class: 'sm-map sm-pane' });
    this.handle = el('div', { class: 'sm-handle', role: 'slider', tabindex: 0, 'aria-label': 'Where the two layers meet', 'aria-valuemin': 0,
      'aria-valuemax': 100, title: 'Drag, or use the left and right arrow keys' }, el('i', {}));
    this.pickers = ['left', 'right'].map((side, at) => el('select', { 'aria-label': `Layer on the ${side}`, 'data-side': side,
      onchange: (event) => this.choose(at, event.target.value) }));
    this.bar = el('div', { class: 'sm-compare', role: 'group', 'aria-label': 'Compare two layers' },
      this.pickers[0], el('span', {}, '|'), this.pickers[1], this.eye = button('flicker', 'Flicker between the two', () => this.flicker()), button('close', 'End the comparison', () => this.stop(), 'S'));
    root.querySelector('.sm-map').after(this.pane, this.handle);
    root.append(this.bar);
    this.map2 = new MapLibre({ container: this.pane, style: { version: 8, sources: {}, layers: [] }, interactive: false, attributionControl: false,
      maxZoom: 23, center: map.getCenter(), zoom: map.getZoom(), bearing: map.getBearing() });
    this.canvas = new Canvas(this.map2);
    this.ready = new Promise((resolve) => this.map2.once('load', resolve));
    map.on('move', this.follow);
    this.watch = new ResizeObserver(() => this.place(this.at));
    this.watch.observe(root);
    this.handle.addEventListener('pointerdown', (event) => this.handle.setPointerCapture(event.pointerId));
    this.handle.addEventListener('pointermove', (event) => {
      if (!this.handle.hasPointerCapture(event.pointerId)) return;
      const frame = root.getBoundingClientRect();
      this.place((event.clientX - frame.left) / frame.width);
    });
    this.handle.addEventListener('keydown', (event) => {
      const to = { ArrowLeft: this.at - STEP, ArrowRight: this.at + STEP, Home: 0.02, End: 0.98 }[event.key];
      if (to === undefined) return;
      this.place(to);
      event.preventDefault();
      event.stopPropagation();
    });
    this.place(this.at);
  }

  place(at) {
    this.at = Math.min(0.98, Math.max(0.02, at));
    const x = Math.round(this.root.clientWidth * this.at);
    if (!this.beat) this.pane.style.clipPath = `inset(0 0 0 ${x}px)`;
    this.handle.style.left = `${x}px`;
    this.handle.setAttribute('aria-valuenow', Math.round(this.at * 100));
  }

  // Show the one and the other in turn, each whole: the eye is caught by what changes.
  flicker() {
    clearInterval(this.beat);
    this.beat = this.beat ? null : setInterval(() => this.show(!this.whole), FLICKER_MS);
    this.handle.hidden = this.beat !== null;
    this.eye.classList.toggle('is-on', this.beat !== null);
    this.eye.setAttribute('aria-pressed', this.beat !== null);
    if (this.beat) this.show(true);
    else {
      delete this.root.dataset.flicker;
      this.pickers.forEach((picker) => picker.classList.remove('is-on'));
      this.place(this.at);
    }
  }

  show(right) {
    this.whole = right;
    this.root.dataset.flicker = right ? 'right' : 'left';
    this.pane.style.clipPath = right ? 'none' : 'inset(0 0 0 100%)';
    this.pickers.forEach((picker, at) => picker.classList.toggle('is-on', at === Number(right)));
  }

  choices() {
    return this.layers.filter((layer) => layer.kind === 'raster' && !layer.tiles);
  }

  // The two layers: those chosen, else the lowest that shows (the image) on the right and another image, or the next layer, on the left.
  pair() {
    const there = this.choices();
    const kept = (this.memory.get('pair') ?? []).map((slot) => there.find((layer) => layer.slot === slot));
    const right = kept[1] ?? there.findLast((layer) => layer.visible) ?? there.at(-1);
    const others = there.filter((layer) => layer !== right);
    const left = kept[0] && kept[0] !== right ? kept[0] : others.find((layer) => layer.group === right.group) ?? others.at(-1);
    return [left, right];
  }

  choose(at, slot) {
    const pair = this.pair().map((layer) => layer.slot);
    if (pair[1 - at] === slot) pair.reverse();
    else pair[at] = slot;
    this.memory.set('pair', pair);
    this.onChange();
  }

  // Take the layers, paint the right side, and return what the left side shows.
  split(layers) {
    this.layers = layers;
    if (!this.on) return layers;
    if (this.choices().length < 2) {
      this.stop();
      return layers;
    }
    const [left, right] = this.pair();
    this.pickers.forEach((picker, at) => {
      picker.replaceChildren(...this.choices().map((layer) => el('option', { value: layer.slot, selected: layer === [left, right][at] }, layer.title)));
    });
    const side = (shown, other) => layers.map((layer) => (layer.slot === shown.slot ? { ...layer, visible: true }
      : layer.slot === other.slot ? { ...layer, visible: false } : layer));
    this.right = side(right, left);
    this.ready.then(() => this.on && this.canvas.paint(this.right));
    this.left = side(left, right);
    return this.left;
  }

  // What shows at a place across the map, for reading values.
  at_x(x) {
    if (this.beat) return this.whole ? this.right : this.left;
    return x < this.root.clientWidth * this.at ? this.left : this.right;
  }

  mark(states) {
    if (this.on) this.ready.then(() => this.on && this.canvas.mark(states));
  }

  tint(colours) {
    if (this.on) this.ready.then(() => this.on && this.canvas.tint(colours));
  }

  stop() {
    if (!this.on) return;
    clearInterval(this.beat);
    this.beat = null;
    delete this.root.dataset.flicker;
    this.map.off('move', this.follow);
    this.watch.disconnect();
    this.map2.remove();
    this.map2 = null;
    [this.pane, this.handle, this.bar].forEach((node) => node.remove());
    this.onChange();
  }
}
