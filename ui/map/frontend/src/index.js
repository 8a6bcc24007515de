// One MapLibre map, kept alive while Streamlit reruns; each rerun hands over new data.
import { Map as MapLibre } from 'maplibre-gl';
import { Area } from './area.js';
import { Basemap } from './basemap.js';
import { LayerCard } from './card.js';
import { addControls } from './controls.js';
import { el } from './dom.js';
import { arrange, Canvas, OUTLINES } from './layers.js';
import { memory } from './memory.js';
import { Outlines } from './outlines.js';
import { Readout } from './readout.js';
import { Swipe } from './swipe.js';
import { join } from './together.js';

const views = new WeakMap();

export default function render({ parentElement, data, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector('.sm-root');
  if (data.height) root.style.height = `${data.height}px`;
  let view = views.get(root);
  if (view && view.key !== data.key) {
    view.remove();
    view = null;
  }
  if (!view) {
    if (!document.createElement('canvas').getContext('webgl2')) {
      root.replaceChildren(el('p', { class: 'sm-message', role: 'status' }, 'This browser has no WebGL 2. A plainer map is on its way ...'));
      setStateValue('plain', true);
      return undefined;
    }
    view = new View(root, data);
    views.set(root, view);
  }
  view.report = { area: (value) => setStateValue('area', value), pick: (id) => setTriggerValue('picked', { id }),
    drawn: (turn, geometry) => setTriggerValue('drawn', { turn, geometry }) };
  view.update(data);
  return () => {
    views.get(root)?.remove();
    views.delete(root);
  };
}

// Space that the buttons and the layer card take, where there is enough to leave it free.
function room(root, margin = 24) {
  const wide = root.clientWidth > 820;
  return { top: margin, bottom: margin, left: margin + (wide ? 46 : 0), right: margin + (wide ? 256 : 0) };
}

function union(boxes) {
  const known = boxes.filter(Boolean);
  return known.length ? [0, 1, 2, 3].map((side) => Math[side < 2 ? 'min' : 'max'](...known.map((box) => box[side]))) : null;
}

class View {
  constructor(root, data) {
    Object.assign(this, { root, key: data.key, data, memory: memory(data.key), layers: [] });
    root.replaceChildren();
    const holder = el('div', { class: 'sm-map' });
    root.append(holder);
    const kept = this.memory.get('view');
    this.map = new MapLibre({
      container: holder,
      style: { version: 8, sources: {}, layers: [] },
      ...(kept ? { center: kept.center, zoom: kept.zoom, bearing: kept.bearing ?? 0 } : { bounds: data.bounds, fitBoundsOptions: { padding: room(root) } }),
      maxZoom: 23,
      maxPitch: 0,
      attributionControl: false,
      pitchWithRotate: false,
      touchPitch: false,
    });
    root.scarpMap = this.map;
    this.ready = new Promise((resolve) => this.map.once('load', resolve)).then(() => this.furnish());
    this.leave = join(this.map, data.group);
    root.classList.toggle('sm-small', Boolean(data.group));
    this.map.on('moveend', () => this.memory.set('view', {
      center: this.map.getCenter().toArray(), zoom: this.map.getZoom(), bearing: this.map.getBearing() }));
    this.map.on('dataloading', () => delete root.dataset.idle);
    this.map.on('idle', () => (root.dataset.idle = '1'));
    this.map.on('error', ({ error, sourceId }) => {
      if (sourceId?.includes('basemap')) this.basemap.broke();
      else console.warn('The map:', error?.message ?? error);
    });
  }

  furnish() {
    const { map, root } = this;
    this.canvas = new Canvas(map);
    this.area = new Area(map, (geometry) => {
      this.refresh();
      this.report.area(geometry);
    });
    this.area.shown = () => this.refresh();
    this.outlines = new Outlines(map, root, {
      onHover: (id) => this.mark({ hover: id == null ? [] : [id] }),
      onPick: (id) => this.pick(id),
      isBusy: () => this.area.busy,
    });
    this.basemap = new Basemap(this.memory, () => this.refresh());
    this.swipe = new Swipe(map, root, this.memory, () => this.refresh());
    this.readout = new Readout(map, (x) => (this.swipe.on ? this.swipe.at_x(x) : this.layers));
    this.card = new LayerCard(root, this.memory, {
      basemap: this.basemap.node,
      onChange: (slot, change) => {
        const chosen = this.memory.get('layers') ?? {};
        this.memory.set('layers', { ...chosen, [slot]: { ...chosen[slot], ...change } });
        this.refresh();
      },
      onOrder: (slots) => {
        this.memory.set('order', slots);
        this.refresh();
      },
      onZoom: async (layer) => this.go(await this.canvas.bounds(layer)),
    });
    this.controls = addControls({ map, root, area: this.area, card: this.card, swipe: this.swipe, credit: this.basemap.credit,
      readout: this.readout.node, draw: this.data.draw, escape: () => this.pick(null),
      fit: () => this.go(union(this.layers.map((layer) => layer.kind === 'raster' && layer.bounds)) ?? this.data.bounds) });
  }

  go(bounds) {
    if (bounds) this.map.fitBounds(bounds, { padding: room(this.root), bearing: this.map.getBearing(), maxZoom: 20 });
  }

  pick(id) {
    this.mark({ selected: id == null ? [] : [id] });
    this.report.pick(id);
  }

  mark(states) {
    this.canvas.mark(states);
    this.swipe.mark(this.canvas.states);
  }

  async update(data) {
    this.data = data;
    await this.ready;
    if (this.data !== data || this.gone) return; // a newer update is on its way
    const area = JSON.stringify(data.area ?? null);
    if (this.given !== area) {
      this.given = area;
      this.area.geometry = data.area;
      if (!this.area.busy) this.area.changed();
    }
    if (data.compare && String(data.compare) !== this.memory.tab.get('compared')) {
      this.memory.tab.set('compared', String(data.compare));
      this.refresh();
      this.swipe.start(data.compare);
    }
    this.refresh();
    this.canvas.tint(data.colours ?? {});
    this.swipe.tint(this.canvas.colours);
    if (data.task && data.task.turn !== this.turn) {
      const { turn, mode, geometry } = data.task;
      this.turn = turn;
      this.area.begin({ mode, geometry, report: (shape) => this.report.drawn(turn, shape) });
    } else if (!data.task && this.area.task) this.area.cancel();
    this.mark({ selected: data.selected == null ? [] : [data.selected], marked: data.highlight ?? [] });
    if (data.fly && data.fly.turn !== this.memory.tab.get('turn')) {
      this.memory.tab.set('turn', data.fly.turn);
      this.map.fitBounds(data.fly.bounds, { padding: room(this.root, 90), maxZoom: 19, duration: 700 });
    }
    this.root.dataset.ready = '1';
  }

  // Bring map and card to what data, memory and tools say now.
  refresh() {
    if (!this.controls || this.gone) return;
    const { geometry, mode } = this.area;
    const area = geometry ? [{ kind: 'area', slot: 'area', id: 'area', group: 'Area', title: 'Area of interest', visible: true, opacity: 1, data: geometry }] : [];
    const chosen = this.memory.get('layers') ?? {};
    this.layers = arrange([...area, ...this.data.layers], this.memory.get('order')).map((layer) => ({ ...layer, ...chosen[layer.slot] }));
    this.card.draw(this.layers);
    const shown = mode === 'edit' ? this.layers.filter((layer) => layer.kind !== 'area') : this.layers;
    this.canvas.paint(this.swipe.split([...shown, ...this.basemap.layers()]));
    this.swipe.mark(this.canvas.states);
    this.swipe.tint(this.canvas.colours);
    this.controls.compared();
    if (this.outlined !== (this.outlined = this.data.layers.find((layer) => layer.kind === OUTLINES)?.url)) this.outlines.hover(null);
  }

  remove() {
    this.gone = true;
    this.leave();
    delete this.root.dataset.ready;
    this.swipe?.stop();
    this.area?.remove();
    this.map.remove();
    this.root.replaceChildren();
  }
}
