// The layer card: what is shown, how strongly, and what its colours mean.
import { el, icon } from './dom.js';

export function layerCard(root, memory, onChange) {
  const list = el('div', { class: 'sm-layers' });
  const card = el('details', { class: 'sm-card', open: memory.get('card') !== false },
    el('summary', {}, icon('layers'), el('span', {}, 'Layers'), icon('chevron')), list);
  card.addEventListener('toggle', () => memory.set('card', card.open));
  root.append(card);
  let drawn = '';
  return (layers) => {
    const key = JSON.stringify(layers.map(({ url, ...rest }) => rest));
    if (key === drawn) return;
    drawn = key;
    list.replaceChildren(...layers.flatMap((layer, at) => [
      ...(layer.group === layers[at - 1]?.group ? [] : [el('h4', {}, layer.group)]),
      row(layer, onChange),
    ]));
  };
}

function row(layer, onChange) {
  const tick = el('input', { type: 'checkbox', 'aria-label': `Show ${layer.title}` });
  tick.checked = layer.visible;
  const slider = el('input', { type: 'range', min: 0, max: 100, step: 5, 'aria-label': `Opacity of ${layer.title}` });
  slider.value = Math.round(layer.opacity * 100);
  const share = el('output', {}, `${slider.value}%`);
  const node = el('div', { class: 'sm-layer', 'data-layer': layer.slot },
    el('label', { class: 'sm-name' }, tick, el('span', {}, layer.title)),
    el('div', { class: 'sm-opacity' }, slider, share),
    legend(layer.legend));
  const report = () => {
    share.textContent = `${slider.value}%`;
    slider.style.setProperty('--share', `${slider.value}%`);
    node.classList.toggle('is-off', !tick.checked);
    onChange(layer, tick.checked, slider.value / 100);
  };
  tick.addEventListener('change', report);
  slider.addEventListener('input', report);
  slider.style.setProperty('--share', `${slider.value}%`);
  node.classList.toggle('is-off', !layer.visible);
  return node;
}

function legend(what) {
  if (!what) return '';
  if (what.classes) {
    return el('div', { class: 'sm-classes' }, ...what.classes.map(({ name, colour }) => {
      const chip = el('i', {});
      chip.style.background = colour;
      return el('span', {}, chip, name);
    }));
  }
  const ramp = el('div', { class: 'sm-ramp' });
  ramp.style.background = `linear-gradient(to right, ${what.ramp.join(', ')})`;
  return el('div', { class: 'sm-scale' }, ramp, el('div', {}, el('span', {}, what.low), el('span', {}, what.high)));
}
