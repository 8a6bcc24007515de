// A background map from the internet. Off until it is switched on: only then do requests leave this origin.
import { el } from './dom.js';

export class Basemap {
  constructor(memory, onChange) {
    Object.assign(this, { memory, onChange, maps: null, failed: false });
    this.tick = el('input', { type: 'checkbox', role: 'switch' });
    this.picker = el('select', { 'aria-label': 'Which basemap', hidden: true });
    this.note = el('p', { class: 'sm-note' });
    this.node = el('div', { class: 'sm-basemap' }, el('label', { class: 'sm-name' }, this.tick, el('span', {}, 'Online basemap')), this.picker, this.note);
    this.tick.checked = Boolean(memory.tab.get('basemap'));
    this.tick.addEventListener('change', () => this.choose(this.tick.checked ? memory.get('basemap') ?? true : null));
    this.picker.addEventListener('change', () => this.choose(this.picker.value));
    this.credit = el('div', { class: 'sm-credit' });
    this.say();
    if (this.tick.checked) this.load();
  }

  choose(id) {
    this.failed = false;
    this.memory.tab.set('basemap', id);
    if (typeof id === 'string') this.memory.set('basemap', id);
    if (id && !this.maps) this.load();
    this.say();
    this.onChange();
  }

  async load() {
    try {
      this.maps = await (await fetch('/basemaps')).json();
    } catch {
      this.failed = true;
    }
    this.say();
    this.onChange();
  }

  get chosen() {
    const id = this.memory.tab.get('basemap');
    return id && this.maps ? this.maps.find((map) => map.id === id) ?? this.maps[0] : null;
  }

  // The lowest layer of all, or none.
  layers() {
    const { chosen } = this;
    return chosen ? [{ kind: 'raster', slot: 'basemap', id: `basemap-${chosen.id}`, tiles: chosen.tiles, minzoom: 0, maxzoom: chosen.maxzoom,
      visible: true, opacity: 1 }] : [];
  }

  broke() {
    this.failed = true;
    this.say();
  }

  say() {
    const { chosen } = this;
    this.picker.hidden = !chosen;
    if (chosen) this.picker.replaceChildren(...this.maps.map(({ id, title }) => el('option', { value: id, selected: id === chosen.id }, title)));
    this.note.classList.toggle('is-bad', this.failed && this.tick.checked);
    this.note.textContent = !this.tick.checked ? 'Off: nothing leaves this computer.'
      : this.failed ? 'It cannot be reached. Check the network, or switch it off.'
        : chosen ? `The part of the world you look at is asked for at ${chosen.host}.` : 'Loading the list ...';
    this.credit.replaceChildren(...(chosen?.credit ?? []).map(([text, href]) => (href
      ? el('a', { href, target: '_blank', rel: 'noopener noreferrer' }, text) : text)));
  }
}
