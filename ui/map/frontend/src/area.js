// The area of interest: drawn with terra-draw, then shown as a plain layer of the map.
import { TerraDraw, TerraDrawPolygonMode, TerraDrawRectangleMode, TerraDrawRenderMode } from 'terra-draw';
import { TerraDrawMapLibreGLAdapter } from 'terra-draw-maplibre-gl-adapter';

const SOURCE = 'area';
const INK = '#0c7473';
const PEN = '#14b5af';
const PAPER = '#ffffff';
const collection = (geometry) => ({
  type: 'FeatureCollection',
  features: geometry ? [{ type: 'Feature', properties: {}, geometry }] : [],
});

export class Area {
  constructor(map, onChange) {
    Object.assign(this, { map, onChange, mode: null, key: 'null' });
    map.addSource(SOURCE, { type: 'geojson', data: collection(null) });
    map.addLayer({ id: 'area-casing', type: 'line', source: SOURCE, paint: { 'line-color': PAPER, 'line-width': 5, 'line-opacity': 0.9 } });
    map.addLayer({ id: 'area-line', type: 'line', source: SOURCE, paint: { 'line-color': INK, 'line-width': 2.5, 'line-dasharray': [2.2, 1.4] } });
    const styles = { fillColor: PEN, fillOpacity: 0.16, outlineColor: PEN, outlineWidth: 2.5, closingPointColor: PAPER,
      closingPointOutlineColor: INK, closingPointOutlineWidth: 2, closingPointWidth: 5 };
    this.draw = new TerraDraw({
      adapter: new TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: 9 }),
      modes: [new TerraDrawPolygonMode({ styles }), new TerraDrawRectangleMode({ styles }),
        new TerraDrawRenderMode({ modeName: 'idle', styles: {} })],
    });
    this.draw.start();
    this.draw.setMode('idle');
    this.draw.on('finish', (id) => this.finish(id));
  }

  get drawing() {
    return this.mode !== null;
  }

  start(mode) {
    this.cancel();
    this.mode = mode;
    this.draw.setMode(mode);
    this.changed?.();
  }

  cancel() {
    this.draw.clear();
    this.draw.setMode('idle');
    this.mode = null;
    this.changed?.();
  }

  finish(id) {
    const { geometry } = this.draw.getSnapshot().find((feature) => feature.id === id);
    this.show(geometry);
    this.onChange(geometry);
    // The click that closes the shape reaches the map after this event: it must still find us drawing.
    setTimeout(() => this.cancel(), 300);
  }

  clear() {
    this.cancel();
    this.show(null);
    this.onChange(null);
  }

  show(geometry) {
    const key = JSON.stringify(geometry ?? null);
    if (key === this.key) return;
    this.key = key;
    this.map.getSource(SOURCE).setData(collection(geometry));
  }

  raise() {
    for (const id of ['area-casing', 'area-line']) this.map.moveLayer(id);
  }
}
