// Outlines: one GeoJSON source by URL, hover and selection by feature state, a tooltip of plain text.
import { el } from './dom.js';

const SOURCE = 'outlines';
export const OUTLINES_BOTTOM = 'outlines-fill';
const NEAR = 4;
const when = (state, yes, no) => ['case', ['boolean', ['feature-state', state], false], yes, no];

export class Outlines {
  constructor(map, root, { onPick, isBusy }) {
    Object.assign(this, { map, onPick, isBusy, hovered: null, selected: null, url: null });
    this.tip = el('div', { class: 'sm-tip', hidden: true });
    root.append(this.tip);
    map.addSource(SOURCE, { type: 'geojson', data: { type: 'FeatureCollection', features: [] }, promoteId: 'id' });
    map.addLayer({ id: OUTLINES_BOTTOM, type: 'fill', source: SOURCE,
      paint: { 'fill-color': ['get', 'colour'], 'fill-opacity': when('selected', 0.34, when('hover', 0.22, 0.06)) } });
    map.addLayer({ id: 'outlines-casing', type: 'line', source: SOURCE, layout: { 'line-join': 'round' },
      paint: { 'line-color': '#ffffff', 'line-opacity': when('selected', 1, 0.65), 'line-width': when('selected', 6.5, 3) } });
    map.addLayer({ id: 'outlines-line', type: 'line', source: SOURCE, layout: { 'line-join': 'round' },
      paint: { 'line-color': ['get', 'colour'], 'line-width': when('selected', 3.5, when('hover', 2.5, 1.5)) } });
    map.on('mousemove', (event) => this.hover(event));
    map.on('mouseout', () => this.hover(null));
  }

  // What is under the pointer, or else close to it: slim outlines are hard to hit.
  at({ x, y }) {
    const find = (where) => this.map.queryRenderedFeatures(where, { layers: [OUTLINES_BOTTOM] })[0];
    return find([x, y]) ?? find([[x - NEAR, y - NEAR], [x + NEAR, y + NEAR]]);
  }

  hover(event) {
    const busy = this.isBusy();
    const feature = event && !busy ? this.at(event.point) : null;
    if (this.hovered !== (feature?.id ?? null)) {
      this.state(this.hovered, { hover: false });
      this.hovered = feature?.id ?? null;
      this.state(this.hovered, { hover: true });
      if (!busy) this.map.getCanvas().style.cursor = feature ? 'pointer' : '';
    }
    this.tip.hidden = !feature;
    if (feature) {
      this.tip.replaceChildren(el('b', {}, feature.properties.label), ...(feature.properties.note ? [feature.properties.note] : []));
      this.tip.style.transform = `translate(${Math.round(event.point.x + 14)}px, ${Math.round(event.point.y + 14)}px)`;
    }
  }

  click(event) {
    const id = this.at(event.point)?.id ?? null;
    this.select(id);
    this.onPick(id);
  }

  select(id) {
    if (id === this.selected) return;
    this.state(this.selected, { selected: false });
    this.selected = id;
    this.state(id, { selected: true });
  }

  state(id, value) {
    if (id != null) this.map.setFeatureState({ source: SOURCE, id }, value);
  }

  sync(data, selected) {
    const url = data ? location.origin + data.url : null;
    if (url !== this.url) {
      this.map.removeFeatureState({ source: SOURCE });
      this.selected = this.hovered = null;
      this.map.getSource(SOURCE).setData(url ?? { type: 'FeatureCollection', features: [] });
      this.url = url;
    }
    this.select(selected ?? null);
  }

  show(visible, opacity) {
    for (const id of [OUTLINES_BOTTOM, 'outlines-casing', 'outlines-line']) {
      this.map.setLayoutProperty(id, 'visibility', visible ? 'visible' : 'none');
    }
    this.map.setPaintProperty('outlines-line', 'line-opacity', opacity);
    this.map.setPaintProperty('outlines-casing', 'line-opacity', when('selected', opacity, 0.65 * opacity));
  }
}
