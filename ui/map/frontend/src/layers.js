// All that is painted: a map is brought from what it shows to what it should show by difference, never rebuilt.

const EMPTY = { type: 'FeatureCollection', features: [] };
const when = (state, yes, no) => ['case', ['boolean', ['feature-state', state], false], yes, no];
const filled = (plain, opacity) => when('selected', Math.max(plain, 0.34) * opacity,
  when('hover', Math.max(plain, 0.22) * opacity, when('marked', Math.max(plain, 0.26) * opacity, plain * opacity)));
const COLOUR = ['coalesce', ['feature-state', 'colour'], ['get', 'colour']];
export const OUTLINES = 'outlines';
export const AREA_INK = '#0c7473';

const sourceOf = (layer) => (layer.kind === 'raster' || layer.kind === 'shapes' ? `${layer.kind}:${layer.id}` : layer.kind);
const tilesOf = (layer) => layer.tiles ?? [location.origin + urlOf(layer)];
const dataOf = (layer) => (layer.url ? location.origin + layer.url : layer.data ?? EMPTY);

// The address of a raster's tiles, with the bands and the stretch that were chosen.
function urlOf({ url, choices, choice }) {
  if (!choices) return url;
  const [bands, stretch] = (choice ?? '').split('-');
  return url.replace('{choice}', choices.bands[bands] && choices.stretches[stretch] ? choice : choices.default);
}

// Where a raster's values are asked for; nothing for one whose values mean nothing.
export function valuesOf(layer) {
  if (layer.kind !== 'raster' || layer.values === '' || layer.tiles) return null;
  return layer.values ?? `/values/${layer.url.split('/')[2]}/`;
}

const KINDS = {
  raster: {
    source: (layer) => ({ type: 'raster', tiles: tilesOf(layer), tileSize: 256, minzoom: layer.minzoom, maxzoom: layer.maxzoom,
      ...(layer.bounds && { bounds: layer.bounds }) }),
    layers: (source, layer) => [{ id: source, type: 'raster', source,
      paint: { 'raster-fade-duration': 120, 'raster-resampling': layer.nearest ? 'nearest' : 'linear' } }],
    content: (layer) => tilesOf(layer)[0],
    change: (source, layer) => source.setTiles(tilesOf(layer)),
    opacity: (id, layer) => [['raster-opacity', layer.opacity]],
  },
  outlines: {
    source: (layer) => ({ type: 'geojson', data: dataOf(layer), promoteId: 'id' }),
    // Where outlines crowd, lines come in from the zoom at which they can be told apart (layer.detail); below it they are filled.
    layers: (source, { detail = 0 }) => [
      { id: `${source}-fill`, type: 'fill', source, paint: { 'fill-color': COLOUR, 'fill-antialias': !detail } },
      { id: `${source}-casing`, type: 'line', source, minzoom: detail, layout: { 'line-join': 'round' },
        paint: { 'line-color': '#ffffff', 'line-width': when('selected', 6.5, when('marked', 5, 3)) } },
      { id: `${source}-line`, type: 'line', source, minzoom: detail, layout: { 'line-join': 'round' },
        paint: { 'line-color': COLOUR, 'line-width': when('selected', 3.5, when('hover', 2.5, when('marked', 2.5, 1.5))) } },
    ],
    content: dataOf,
    change: (source, layer) => source.setData(dataOf(layer)),
    opacity: (id, { opacity, detail }) => (id.endsWith('fill')
      ? [['fill-opacity', detail ? ['step', ['zoom'], filled(0.7, opacity), detail, filled(0.06, opacity)] : filled(0.06, opacity)]]
      : [['line-opacity', id.endsWith('casing') ? when('selected', opacity, 0.65 * opacity) : opacity]]),
  },
  shapes: {
    source: (layer) => ({ type: 'geojson', data: dataOf(layer), generateId: true }),
    layers: (source, layer) => [
      { id: `${source}-fill`, type: 'fill', source, paint: { 'fill-color': layer.colour } },
      { id: `${source}-casing`, type: 'line', source, layout: { 'line-join': 'round' }, paint: { 'line-color': '#ffffff', 'line-width': 3.5 } },
      { id: `${source}-line`, type: 'line', source, layout: { 'line-join': 'round' }, paint: { 'line-color': layer.colour, 'line-width': 1.75 } },
    ],
    content: dataOf,
    change: (source, layer) => source.setData(dataOf(layer)),
    opacity: (id, { opacity }) => (id.endsWith('fill') ? [['fill-opacity', 0.05 * opacity]] : [['line-opacity', (id.endsWith('casing') ? 0.6 : 1) * opacity]]),
  },
  area: {
    source: (layer) => ({ type: 'geojson', data: dataOf(layer) }),
    layers: (source) => [
      { id: `${source}-casing`, type: 'line', source, paint: { 'line-color': '#ffffff', 'line-width': 5 } },
      { id: `${source}-line`, type: 'line', source, paint: { 'line-color': AREA_INK, 'line-width': 2.5, 'line-dasharray': [2.2, 1.4] } },
    ],
    content: dataOf,
    change: (source, layer) => source.setData(dataOf(layer)),
    opacity: (id, { opacity }) => [['line-opacity', (id.endsWith('casing') ? 0.9 : 1) * opacity]],
  },
};

// The user's order of the layers; one that is new to it goes below the layer it follows by itself.
export function arrange(layers, order = []) {
  const known = new Map(layers.map((layer) => [layer.slot, layer]));
  const slots = order.filter((slot) => known.has(slot));
  layers.forEach(({ slot }, at) => {
    if (!slots.includes(slot)) slots.splice(at ? slots.indexOf(layers[at - 1].slot) + 1 : 0, 0, slot);
  });
  return slots.map((slot) => known.get(slot));
}

export class Canvas {
  constructor(map) {
    this.map = map;
    this.shown = new Map(); // source id to what it was given last and the ids of its layers
    this.states = { selected: [], marked: [], hover: [] };
    this.colours = {};
  }

  paint(layers) {
    const { map, shown } = this;
    const wanted = new Set(layers.map(sourceOf));
    for (const [source, { ids }] of shown) {
      if (wanted.has(source)) continue;
      ids.forEach((id) => map.removeLayer(id));
      map.removeSource(source);
      shown.delete(source);
    }
    for (const layer of layers) this.put(layer);
    const ids = [...layers].reverse().flatMap((layer) => shown.get(sourceOf(layer)).ids);
    const there = new Set(ids);
    const now = map.getLayersOrder().filter((id) => there.has(id));
    if (ids.some((id, at) => id !== now[at])) {
      ids.forEach((id) => map.moveLayer(id));
      map.getLayersOrder().filter((id) => id.startsWith('td-')).forEach((id) => map.moveLayer(id)); // what is being drawn
    }
  }

  put(layer) {
    const { map, shown } = this;
    const source = sourceOf(layer);
    const kind = KINDS[layer.kind];
    const content = JSON.stringify(kind.content(layer));
    let entry = shown.get(source);
    if (!entry) {
      const parts = kind.layers(source, layer);
      map.addSource(source, kind.source(layer));
      parts.forEach((part) => map.addLayer(part));
      entry = { content, ids: parts.map(({ id }) => id) };
      shown.set(source, entry);
      this.mark();
      this.tint(this.colours, {});
    } else if (entry.content !== content) {
      entry.content = content;
      kind.change(map.getSource(source), layer);
    }
    const look = `${layer.visible} ${layer.opacity}`;
    if (entry.look === look) return;
    entry.look = look;
    for (const id of entry.ids) {
      map.setLayoutProperty(id, 'visibility', layer.visible ? 'visible' : 'none');
      for (const [property, value] of kind.opacity(id, layer)) map.setPaintProperty(id, property, value);
    }
  }

  // Which outlines are selected, marked, hovered: lists of ids by state. Without any, a new source is told what it has missed.
  mark(states) {
    const { map } = this;
    const before = this.states;
    this.states = { ...before, ...states };
    if (!map.getSource(OUTLINES)) return;
    for (const [state, ids] of Object.entries(this.states)) {
      if (states && String(ids) === String(before[state])) continue; // every change is a new picture
      const now = new Set(ids);
      for (const id of before[state]) if (!now.has(id)) map.setFeatureState({ source: OUTLINES, id }, { [state]: false });
      for (const id of now) map.setFeatureState({ source: OUTLINES, id }, { [state]: true });
    }
  }

  // Colours of single outlines by id, in place of their own.
  tint(colours, before = this.colours) {
    const { map } = this;
    this.colours = colours;
    if (!map.getSource(OUTLINES)) return;
    for (const id of Object.keys(before)) if (!(id in colours)) map.removeFeatureState({ source: OUTLINES, id }, 'colour');
    for (const [id, colour] of Object.entries(colours)) if (before[id] !== colour) map.setFeatureState({ source: OUTLINES, id }, { colour });
  }

  // West, south, east, north of a layer, in degrees.
  async bounds(layer) {
    if (layer.bounds) return layer.bounds;
    const box = await this.map.getSource(sourceOf(layer))?.getBounds?.();
    return !box || box.isEmpty() ? null : box.toArray().flat();
  }
}
