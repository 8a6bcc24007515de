// Maps of one group on a page show the same place: moving one moves all.
const groups = new Map();

const camera = (map) => ({ center: map.getCenter(), zoom: map.getZoom(), bearing: map.getBearing() });

// Let a map join a group; return how it leaves again.
export function join(map, name) {
  if (!name) return () => {};
  const group = groups.get(name) ?? groups.set(name, new Set()).get(name);
  const [other] = group;
  if (other) map.jumpTo(camera(other));
  group.add(map);
  map.on('move', ({ together }) => {
    if (together) return; // it follows another one
    for (const each of group) if (each !== map) each.jumpTo(camera(map), { together: true });
  });
  return () => group.delete(map);
}
