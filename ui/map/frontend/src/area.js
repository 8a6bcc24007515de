// The area of interest: drawn and edited with terra-draw, then handed back to be shown as a layer. A page may ask for a
// task of its own besides: a shape to edit, or a polygon or a line to draw, which is handed back to it alone.
import { TerraDraw, TerraDrawLineStringMode, TerraDrawPolygonMode, TerraDrawRectangleMode, TerraDrawRenderMode, TerraDrawSelectMode } from 'terra-draw';
import { TerraDrawMapLibreGLAdapter } from 'terra-draw-maplibre-gl-adapter';
import { AREA_INK as INK } from './layers.js';

const PEN = '#14b5af';
const PAPER = '#ffffff';
const MAX_CORNERS = 400;
const CLOSE_PX = matchMedia('(pointer: coarse)').matches ? 24 : 12; // a click so near the first or the last corner ends a shape
const LONG_PRESS_MS = 550, STEADY_PX = 6;
const polygonsOf = (geometry) => (geometry?.type === 'MultiPolygon' ? geometry.coordinates : geometry ? [geometry.coordinates] : []);
const rounded = (rings) => rings.map((ring) => ring.map(([x, y]) => [Number(x.toFixed(9)), Number(y.toFixed(9))]));

// Why an area cannot be edited corner by corner here; nothing when it can.
export function uneditable(geometry) {
  const polygons = polygonsOf(geometry);
  if (!polygons.length) return 'There is no area yet.';
  if (polygons.some((rings) => rings.length > 1)) return 'This area has holes: draw it again, or upload a changed file.';
  if (polygons.flat(2).length > MAX_CORNERS) return `This area has more than ${MAX_CORNERS} corners: draw it again, or upload a changed file.`;
  return '';
}

// A long press of a finger asks for the context menu, also where the browser asks for none, as on iOS.
function pressLong(canvas, wanted) {
  let timer, at;
  canvas.addEventListener('pointerdown', (event) => {
    clearTimeout(timer);
    if (event.pointerType !== 'touch' || !event.isPrimary || !wanted()) return;
    at = [event.clientX, event.clientY];
    timer = setTimeout(() => canvas.dispatchEvent(new MouseEvent('contextmenu', { cancelable: true })), LONG_PRESS_MS);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (at && Math.hypot(event.clientX - at[0], event.clientY - at[1]) > STEADY_PX) clearTimeout(timer);
  });
  for (const end of ['pointerup', 'pointercancel']) canvas.addEventListener(end, () => clearTimeout(timer));
}

export class Area {
  constructor(map, onChange) {
    Object.assign(this, { map, onChange, mode: null, saving: false, geometry: null, task: null });
    const styles = { fillColor: PEN, fillOpacity: 0.16, outlineColor: PEN, outlineWidth: 2.5, closingPointColor: PAPER,
      closingPointOutlineColor: INK, closingPointOutlineWidth: 2, closingPointWidth: 5 };
    const feature = { draggable: true, coordinates: { draggable: true, midpoints: true, deletable: true } };
    this.draw = new TerraDraw({
      adapter: new TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: 9 }),
      modes: [new TerraDrawPolygonMode({ styles, pointerDistance: CLOSE_PX }), new TerraDrawRectangleMode({ styles, drawInteraction: 'click-move-or-drag' }),
        new TerraDrawLineStringMode({ pointerDistance: CLOSE_PX, styles: { lineStringColor: PEN, lineStringWidth: 3, closingPointColor: PAPER, closingPointOutlineColor: INK,
          closingPointOutlineWidth: 2, closingPointWidth: 5 } }),
        new TerraDrawSelectMode({ flags: { polygon: { feature } }, keyEvents: null, allowManualDeselection: false, pointerDistance: 20,
          pointerEvents: { rightClick: true, contextMenu: true, leftClick: true, onDragStart: true, onDrag: true, onDragEnd: true },
          styles: { selectedPolygonColor: PEN, selectedPolygonFillOpacity: 0.16, selectedPolygonOutlineColor: INK, selectedPolygonOutlineWidth: 2.5,
            selectionPointColor: PAPER, selectionPointWidth: 6, selectionPointOutlineColor: INK, selectionPointOutlineWidth: 2,
            midPointColor: PEN, midPointWidth: 4, midPointOutlineColor: PAPER, midPointOutlineWidth: 1.5 } }),
        new TerraDrawRenderMode({ modeName: 'idle', styles: {} })],
    });
    this.draw.start();
    this.draw.setMode('idle');
    pressLong(map.getCanvas(), () => this.mode === 'edit');
    this.draw.on('finish', (id) => {
      if (this.mode !== 'edit') this.finish(id);
    });
  }

  get busy() {
    return this.mode !== null;
  }

  // A task is { mode, geometry, report }: report is called with the shape, or with nothing when it was given up.
  begin(task) {
    this.cancel();
    this.task = task;
    this.start(task.mode);
  }

  get subject() {
    return this.task ? this.task.geometry : this.geometry;
  }

  start(mode) {
    if (!this.task) this.cancel();
    if (mode === 'edit' && uneditable(this.subject)) return;
    this.mode = mode;
    this.draw.setMode(mode === 'edit' ? 'select' : mode);
    if (mode === 'edit') {
      const added = this.draw.addFeatures(polygonsOf(this.subject).map((rings) => ({
        type: 'Feature', properties: { mode: 'polygon' }, geometry: { type: 'Polygon', coordinates: rounded(rings) } })));
      this.draw.selectFeature(added[0].id);
    }
    this.changed?.();
  }

  // The edited shape is the area now.
  done() {
    if (this.mode !== 'edit') return;
    const polygons = this.draw.getSnapshot().filter(({ geometry, properties }) => geometry.type === 'Polygon' && properties.mode === 'polygon')
      .map(({ geometry }) => geometry.coordinates);
    const geometry = polygons.length === 1 ? { type: 'Polygon', coordinates: polygons[0] } : { type: 'MultiPolygon', coordinates: polygons };
    this.report(geometry);
    this.cancel();
  }

  cancel() {
    this.draw.clear();
    this.draw.setMode('idle');
    this.mode = null;
    this.saving = false;
    this.task?.report(null);
    this.task = null;
    this.changed?.();
  }

  finish(id) {
    const { geometry } = this.draw.getSnapshot().find((feature) => feature.id === id);
    this.saving = true;
    this.report(geometry);
    this.changed?.();
    // The click that closes the shape reaches the map after this event: it must still find us drawing.
    setTimeout(() => this.cancel(), 300);
  }

  clear() {
    this.cancel();
    if (this.geometry) this.report(null);
  }

  report(geometry) {
    if (this.task) {
      this.task.report(geometry);
      this.task = null;
      return;
    }
    this.geometry = geometry;
    this.onChange(geometry);
  }

  remove() {
    this.draw.stop();
  }
}
