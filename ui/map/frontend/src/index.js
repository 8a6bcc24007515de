// One MapLibre map, kept alive while Streamlit reruns; each rerun hands over new data.
import { Map as MapLibre } from 'maplibre-gl';
import { Area } from './area.js';
import { addControls } from './controls.js';
import { el } from './dom.js';
import { layerCard } from './legend.js';
import { memory } from './memory.js';
import { Outlines, OUTLINES_BOTTOM } from './outlines.js';
import { showRaster, syncRasters } from './rasters.js';

const views = new WeakMap();

export default function render({ parentElement, data, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector('.sm-root');
  let view = views.get(root);
  if (view && view.key !== data.key) {
    view.remove();
    view = null;
  }
  if (!view) {
    if (!document.createElement('canvas').getContext('webgl2')) {
      root.replaceChildren(el('p', { class: 'sm-message', role: 'alert' },
        'This browser cannot draw the map: WebGL 2 is missing or switched off. Turn on hardware acceleration, or use a current browser.'));
      return undefined;
    }
    view = new View(root, data);
    views.set(root, view);
  }
  view.report = { area: (value) => setStateValue('area', value), pick: (id) => setTriggerValue('picked', { id }) };
  view.update(data);
  return () => {
    views.get(root)?.remove();
    views.delete(root);
  };
}

// Space that the buttons and the layer card take, where there is enough to leave it free.
function room(root, margin = 24) {
  const wide = root.clientWidth > 820;
  return { top: margin, bottom: margin, left: margin + (wide ? 46 : 0), right: margin + (wide ? 248 : 0) };
}

class View {
  constructor(root, data) {
    Object.assign(this, { root, key: data.key, data, memory: memory(data.key) });
    root.replaceChildren();
    const holder = el('div', { class: 'sm-map' });
    root.append(holder);
    const kept = this.memory.get('view');
    this.map = new MapLibre({
      container: holder,
      style: { version: 8, sources: {}, layers: [] },
      ...(kept ? { center: kept.center, zoom: kept.zoom } : { bounds: data.bounds, fitBoundsOptions: { padding: room(root) } }),
      maxZoom: 23,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
    });
    this.map.touchZoomRotate.disableRotation();
    root.scarpMap = this.map;
    this.ready = new Promise((resolve) => this.map.once('load', resolve)).then(() => this.furnish());
    this.map.on('moveend', () => this.memory.set('view', { center: this.map.getCenter().toArray(), zoom: this.map.getZoom() }));
    this.map.on('dataloading', () => delete root.dataset.idle);
    this.map.on('idle', () => (root.dataset.idle = '1'));
  }

  furnish() {
    const { map, root } = this;
    this.outlines = new Outlines(map, root, { onPick: (id) => this.report.pick(id), isBusy: () => this.area.drawing });
    this.area = new Area(map, (geometry) => this.report.area(geometry));
    addControls({ map, root, area: this.area, fit: () => map.fitBounds(this.data.bounds, { padding: room(root) }) });
    this.card = layerCard(root, this.memory, (layer, visible, opacity) => {
      this.memory.set('layers', { ...this.memory.get('layers'), [layer.slot]: { visible, opacity } });
      this.show(layer, visible, opacity);
    });
    map.on('click', (event) => {
      if (!this.area.drawing) this.outlines.click(event);
    });
  }

  show(layer, visible, opacity) {
    if (layer.kind === 'outlines') this.outlines.show(visible, opacity);
    else showRaster(this.map, layer, visible, opacity);
  }

  async update(data) {
    this.data = data;
    await this.ready;
    if (this.data !== data || this.gone) return; // a newer update is on its way
    const chosen = this.memory.get('layers') ?? {};
    const layers = data.layers.map((layer) => ({ ...layer, ...chosen[layer.slot] }));
    syncRasters(this.map, layers.filter((layer) => layer.kind === 'raster'), OUTLINES_BOTTOM);
    const outlines = layers.find((layer) => layer.kind === 'outlines');
    this.outlines.sync(outlines, data.selected);
    if (outlines) this.outlines.show(outlines.visible, outlines.opacity);
    this.area.show(data.area);
    this.area.raise();
    this.card(layers);
    if (data.fly && data.fly.turn !== this.memory.get('turn')) {
      this.memory.set('turn', data.fly.turn);
      this.map.fitBounds(data.fly.bounds, { padding: room(this.root, 90), maxZoom: 19, duration: 700 });
    }
    this.root.dataset.ready = '1';
  }

  remove() {
    this.gone = true;
    delete this.root.dataset.ready;
    this.map.remove();
    this.root.replaceChildren();
  }
}
