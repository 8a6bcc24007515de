// Buttons, keys, scale and coordinates around the map.
import { ScaleControl } from 'maplibre-gl';
import { button, el } from './dom.js';

export function addControls({ map, root, area, fit }) {
  const tool = (mode, label, key) => button(mode, label, () => (area.mode === mode ? area.cancel() : area.start(mode)), key);
  const full = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen());
  const tools = [tool('rectangle', 'Draw a rectangle', 'R'), tool('polygon', 'Draw a polygon', 'P')];
  const clear = button('clear', 'Remove the area', () => area.clear(), 'Delete');
  const hint = el('div', { class: 'sm-hint', hidden: true, role: 'status' });
  const bar = el('div', { class: 'sm-bar' },
    el('div', { class: 'sm-group' }, button('plus', 'Zoom in', () => map.zoomIn(), '+'), button('minus', 'Zoom out', () => map.zoomOut(), '-')),
    el('div', { class: 'sm-group' }, button('fit', 'Fit to the image', fit, 'F'), button('full', 'Full screen', full)),
    el('div', { class: 'sm-group' }, ...tools, clear));
  const readout = el('div', { class: 'sm-readout', 'aria-hidden': 'true' });
  root.append(bar, hint, readout);
  map.addControl(new ScaleControl({ maxWidth: 110, unit: 'metric' }), 'bottom-left');

  area.changed = () => {
    for (const node of tools) node.classList.toggle('is-on', node.dataset.action === area.mode);
    hint.hidden = !area.drawing;
    hint.textContent = area.mode === 'polygon'
      ? 'Click to add corners, click the first one again to close. Esc cancels.'
      : 'Click one corner, then the opposite one. Esc cancels.';
  };
  map.on('mousemove', ({ lngLat }) => {
    const part = (value, plus, minus) => `${Math.abs(value).toFixed(5)}° ${value < 0 ? minus : plus}`;
    readout.textContent = `${part(lngLat.lat, 'N', 'S')}  ${part(lngLat.lng, 'E', 'W')}`;
  });
  map.on('mouseout', () => (readout.textContent = ''));
  root.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input')) return;
    const action = {
      f: fit, r: () => area.start('rectangle'), p: () => area.start('polygon'),
      Escape: () => area.cancel(), Delete: () => area.clear(),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action) {
      action();
      event.preventDefault();
    }
  });
}
