// Raster layers: the map is changed by difference, never rebuilt.

const PREFIX = 'raster:';

export function syncRasters(map, layers, before) {
  const wanted = new Map(layers.map((layer) => [PREFIX + layer.id, layer]));
  for (const { id } of map.getStyle().layers) {
    if (id.startsWith(PREFIX) && wanted.get(id)?.url !== map.getSource(id).metaUrl) {
      map.removeLayer(id);
      map.removeSource(id);
    }
  }
  // The list is top first; adding it bottom first below the outlines keeps that order.
  for (const layer of [...layers].reverse()) {
    const id = PREFIX + layer.id;
    if (!map.getSource(id)) add(map, id, layer);
    map.moveLayer(id, before);
    showRaster(map, layer, layer.visible, layer.opacity);
  }
}

function add(map, id, layer) {
  map.addSource(id, {
    type: 'raster',
    tiles: [location.origin + layer.url],
    tileSize: 256,
    minzoom: layer.minzoom,
    maxzoom: layer.maxzoom,
    bounds: layer.bounds,
  });
  map.getSource(id).metaUrl = layer.url;
  map.addLayer({
    id,
    type: 'raster',
    source: id,
    paint: { 'raster-fade-duration': 120, 'raster-resampling': layer.nearest ? 'nearest' : 'linear' },
  });
}

export function showRaster(map, layer, visible, opacity) {
  const id = PREFIX + layer.id;
  map.setLayoutProperty(id, 'visibility', visible ? 'visible' : 'none');
  map.setPaintProperty(id, 'raster-opacity', opacity);
}
