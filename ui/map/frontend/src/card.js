// The layer card: what is shown, in which order, how strongly, in which bands, and what its colours mean.
import { button, el, icon } from './dom.js';
import { legend } from './legend.js';

// What the card draws again for; addresses change more often than what can be seen.
const face = (layers) => JSON.stringify(layers.map(({ url, values, data, bounds, tiles, ...rest }) => rest));

export class LayerCard {
  constructor(root, memory, { onChange, onOrder, onZoom, basemap }) {
    Object.assign(this, { onChange, onOrder, onZoom, drawn: '', layers: [] });
    this.list = el('ol', { class: 'sm-layers', 'aria-label': 'Layers, top first' });
    this.said = el('div', { class: 'sm-said', role: 'status' });
    this.card = el('details', { class: 'sm-card', open: memory.get('card') ?? root.clientWidth > 820 },
      el('summary', { title: 'Show or hide the list of layers (L)' }, icon('layers'), el('span', {}, 'Layers'), icon('chevron')),
      this.list, basemap, this.said);
    this.card.addEventListener('toggle', () => memory.set('card', this.card.open));
    root.append(this.card);
  }

  toggle() {
    this.card.open = !this.card.open;
  }

  draw(layers) {
    const key = face(layers);
    if (key === this.drawn) return;
    this.drawn = key;
    this.layers = layers;
    const focused = this.list.contains(document.activeElement) && document.activeElement;
    const at = focused && [focused.closest('[data-layer]').dataset.layer, focused.dataset.part];
    this.list.replaceChildren(...layers.flatMap((layer, index) => [
      ...(layer.group === layers[index - 1]?.group ? [] : [el('li', { class: 'sm-heading', role: 'presentation' }, layer.group)]),
      this.row(layer),
    ]));
    if (at) this.part(...at)?.focus();
  }

  part(slot, part) {
    return this.list.querySelector(`[data-layer="${CSS.escape(slot)}"] [data-part="${part}"]`);
  }

  row(layer) {
    const tick = el('input', { type: 'checkbox', 'data-part': 'tick', 'aria-label': `Show ${layer.title}` });
    tick.checked = layer.visible;
    const slider = el('input', { type: 'range', min: 0, max: 100, step: 5, 'data-part': 'opacity', 'aria-label': `Opacity of ${layer.title}` });
    slider.value = Math.round(layer.opacity * 100);
    const share = el('output', {});
    const zoom = button('zoom', `Go to ${layer.title}`, () => this.onZoom(layer));
    zoom.dataset.part = 'zoom';
    const node = el('li', { class: 'sm-layer', 'data-layer': layer.slot },
      el('div', { class: 'sm-row' }, this.grip(layer),
        el('label', { class: 'sm-name', title: layer.title }, tick, el('span', {}, layer.title)), zoom),
      el('div', { class: 'sm-opacity' }, slider, share), this.choices(layer), legend(layer.legend));
    const show = () => {
      share.textContent = `${slider.value}%`;
      slider.style.setProperty('--share', `${slider.value}%`);
      node.classList.toggle('is-off', !tick.checked);
    };
    const report = () => {
      show();
      this.onChange(layer.slot, { visible: tick.checked, opacity: slider.value / 100 });
    };
    tick.addEventListener('change', report);
    slider.addEventListener('input', report);
    show();
    return node;
  }

  choices({ slot, title, choices, choice }) {
    if (!choices) return '';
    const now = (choice ?? choices.default).split('-');
    const pick = (at, label, options) => el('select', { 'aria-label': `${label} of ${title}`, title: label, 'data-part': label,
      onchange: (event) => {
        now[at] = event.target.value;
        this.onChange(slot, { choice: now.join('-') });
      } }, ...Object.entries(options).map(([value, text]) => el('option', { value, selected: value === now[at] }, text)));
    return el('div', { class: 'sm-choices' }, pick(0, 'Bands', choices.bands), pick(1, 'Stretch', choices.stretches));
  }

  // The handle that moves a layer up and down: dragged, or with the arrow keys.
  grip(layer) {
    const grip = el('button', { type: 'button', class: 'sm-grip', 'data-part': 'grip', title: 'Drag to change the order, or use the up and down arrow keys',
      'aria-label': `Move ${layer.title}` }, icon('grip'));
    grip.addEventListener('keydown', (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const slots = this.layers.map(({ slot }) => slot);
      const to = Math.min(slots.length - 1, Math.max(0, slots.indexOf(layer.slot) + step));
      this.move(layer, to);
    });
    grip.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      grip.focus();
      this.hold(layer, grip.closest('.sm-layer'));
    });
    return grip;
  }

  rows() {
    return [...this.list.querySelectorAll('.sm-layer')];
  }

  // Carry a row until the pointer is let go. The document listens: a row that moves in the page loses the pointer.
  hold(layer, held) {
    const done = new AbortController();
    const mark = (on) => [this.list, held].forEach((node, at) => node.classList.toggle(['is-sorting', 'is-held'][at], on));
    mark(true);
    const drop = () => {
      done.abort();
      mark(false);
      this.move(layer, this.rows().indexOf(held));
    };
    document.addEventListener('pointermove', (event) => this.drag(held, event.clientY), done);
    for (const end of ['pointerup', 'pointercancel']) document.addEventListener(end, drop, done);
  }

  // Let the held row change places with the one the pointer is on; at the card's ends the list scrolls.
  drag(held, y) {
    const { top: upper, bottom: lower } = this.card.getBoundingClientRect();
    if (y < upper + 40) this.card.scrollTop -= 12;
    if (y > lower - 80) this.card.scrollTop += 12;
    const over = this.rows().find((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return row !== held && y >= top && y <= bottom;
    });
    if (!over) return;
    const { top, height } = over.getBoundingClientRect();
    if (y < top + height / 2) over.before(held);
    else over.after(held);
  }

  move(layer, to) {
    const slots = this.layers.map(({ slot }) => slot).filter((slot) => slot !== layer.slot);
    slots.splice(to, 0, layer.slot);
    this.drawn = '';
    this.said.textContent = `${layer.title}: ${to + 1} of ${slots.length} from the top`;
    this.onOrder(slots);
  }
}
