// What a layer's colours mean.
import { el } from './dom.js';

const WINDS = [['N', 'n'], ['E', 'e'], ['S', 's'], ['W', 'w']];

export function legend(what) {
  if (!what) return '';
  if (what.classes) {
    return el('div', { class: 'sm-classes' }, ...what.classes.map(({ name, colour }) => {
      const chip = el('i', {});
      chip.style.background = colour;
      return el('span', {}, chip, name);
    }));
  }
  if (what.wheel) {
    const wheel = el('i', {});
    const slice = 360 / what.wheel.length;
    wheel.style.background = `conic-gradient(${what.wheel.map((colour, at) => `${colour} ${at * slice}deg`).join(', ')}, ${what.wheel[0]} 360deg)`;
    return el('div', { class: 'sm-wheel', role: 'img', 'aria-label': 'Colours of the directions a slope faces' }, wheel,
      ...WINDS.map(([name, side]) => el('b', { class: side }, name)), el('span', {}, 'Where the slope faces'));
  }
  const ramp = el('div', { class: 'sm-ramp' });
  ramp.style.background = `linear-gradient(to right, ${what.ramp.join(', ')})`;
  return el('div', { class: 'sm-scale' }, ramp, el('div', {}, el('span', {}, what.low), el('span', {}, what.high)));
}
