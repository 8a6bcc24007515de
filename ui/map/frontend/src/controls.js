// Buttons and keys around the map, what they do in words, and hints while drawing.
import { ScaleControl } from 'maplibre-gl';
import { uneditable } from './area.js';
import { button, el } from './dom.js';

const HINTS = {
  rectangle: 'Drag over the ground, or click two opposite corners. Esc cancels.',
  polygon: 'Click to add corners; click the first one again to close. Esc cancels.',
  edit: 'Drag corners; drag a midpoint to add one; right-click or long press removes one.',
  linestring: 'Click outside the outline, then on its other side; click the last point again, or press Enter. Esc cancels.',
};

export function addControls({ map, root, area, fit, card, swipe, escape, credit, readout, draw }) {
  const start = (mode) => {
    if (area.mode === mode) area.cancel();
    else if (mode === 'edit' && uneditable(area.geometry)) flash(uneditable(area.geometry));
    else area.start(mode);
  };
  const full = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen());
  const compare = () => swipe.toggle();
  const help = () => {
    panel.hidden = !panel.hidden;
    if (!panel.hidden) panel.querySelector('button').focus();
  };
  const tools = [button('rectangle', 'Draw a rectangle', () => start('rectangle'), 'R'), button('polygon', 'Draw a polygon', () => start('polygon'), 'D'),
    button('edit', 'Edit the area', () => start('edit'), 'E'), button('clear', 'Remove the area', () => area.clear(), 'Delete')];
  const north = button('north', 'Turn north up', () => map.easeTo({ bearing: 0 }), 'N');
  const split = button('swipe', 'Compare two layers', compare, 'S');
  const group = (...buttons) => el('div', { class: 'sm-group' }, ...buttons);
  root.append(el('div', { class: 'sm-bar', role: 'toolbar', 'aria-label': 'Map tools', 'aria-orientation': 'vertical' },
    group(button('plus', 'Zoom in', () => map.zoomIn(), '+'), button('minus', 'Zoom out', () => map.zoomOut(), '-'), north),
    group(button('fit', 'Fit everything', fit, 'F'), button('full', 'Full screen', full, 'X')),
    ...(draw ? [group(...tools)] : []),
    group(split, button('help', 'Keys and gestures', help, '?'))));
  map.addControl(new ScaleControl({ maxWidth: 110, unit: 'metric' }), 'bottom-left');
  root.querySelector('.maplibregl-ctrl-bottom-left').append(readout);
  root.append(credit);

  const words = el('span', {});
  const done = el('button', { type: 'button', class: 'sm-text is-main', onclick: () => area.done() }, 'Done');
  const stop = el('button', { type: 'button', class: 'sm-text', onclick: () => area.cancel() }, 'Cancel');
  const hint = el('div', { class: 'sm-hint', hidden: true, role: 'status' }, words, done, stop);
  root.append(hint);
  let fading;
  const flash = (text) => {
    clearTimeout(fading);
    words.textContent = text;
    hint.hidden = false;
    done.hidden = stop.hidden = true;
    fading = setTimeout(() => area.changed(), 4000);
  };
  area.changed = () => {
    clearTimeout(fading);
    for (const node of tools) {
      node.classList.toggle('is-on', node.dataset.action === area.mode);
      node.setAttribute('aria-pressed', node.dataset.action === area.mode);
    }
    tools[2].disabled = tools[3].disabled = !area.geometry;
    hint.hidden = !area.busy || area.saving;
    if (area.busy) root.dataset.busy = area.saving ? 'saving' : area.mode;
    else delete root.dataset.busy;
    stop.hidden = false;
    done.hidden = area.mode !== 'edit';
    words.textContent = HINTS[area.mode] ?? '';
    area.shown?.();
  };
  area.changed();
  const turn = () => {
    north.hidden = Math.abs(map.getBearing()) < 0.5;
    north.querySelector('svg').style.transform = `rotate(${-map.getBearing()}deg)`;
  };
  map.on('rotate', turn);
  turn();

  const keys = [
    [['+', '−'], 'Zoom'], [['←', '↑', '→', '↓'], 'Move'], [['Shift', '← →'], 'Turn; or drag with the right button'], [['N'], 'North up'],
    [['F'], 'Fit everything'], [['X'], 'Full screen'], [['L'], 'List of layers'], [['S'], 'Compare two layers'],
    ...(draw ? [[['R'], 'Draw a rectangle'], [['D'], 'Draw a polygon'], [['E'], 'Edit the area'], [['Delete'], 'Remove the area'], [['Enter'], 'Finish']] : []),
    [['Esc'], 'Cancel, close, select nothing'], [['?'], 'This list'],
  ];
  const panel = el('div', { class: 'sm-help', role: 'dialog', 'aria-label': 'Keys and gestures', hidden: true },
    el('header', {}, el('b', {}, 'Keys and gestures'), button('close', 'Close', help, 'Esc')),
    el('dl', {}, ...keys.map(([names, what]) => el('div', {}, el('dt', {}, ...names.map((name) => el('kbd', {}, name))), el('dd', {}, what)))),
    el('p', {}, 'Keys work while the map has the focus: click it, or go to it with Tab. In the list of layers, drag a handle or use ↑ ↓ on it. '
      + 'With two fingers: pinch to zoom, twist to turn.'));
  root.append(panel);

  const actions = {
    f: fit, n: () => map.easeTo({ bearing: 0 }), x: full, l: () => card.toggle(), s: compare, '?': help,
    Enter: () => area.done(),
    ...(draw && { r: () => start('rectangle'), d: () => start('polygon'), e: () => start('edit'), Delete: () => area.clear() }),
    Escape: () => {
      if (!panel.hidden) panel.hidden = true;
      else if (area.busy) area.cancel();
      else if (swipe.on) swipe.stop();
      else escape();
    },
  };
  root.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input[type=text], select')) return;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || (event.key === 'Enter' && !area.busy)) return;
    action();
    event.preventDefault();
    event.stopPropagation(); // Streamlit has keys of its own
  });
  return { compared: () => split.classList.toggle('is-on', swipe.on) };
}
