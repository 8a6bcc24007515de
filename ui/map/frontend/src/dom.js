// Small helpers for building elements. Text always goes through textContent, so data stays inert.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  for (const child of children) node.append(child);
  return node;
}

const PATHS = {
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  fit: 'M4 9V5a1 1 0 0 1 1-1h4M15 4h4a1 1 0 0 1 1 1v4M20 15v4a1 1 0 0 1-1 1h-4M9 20H5a1 1 0 0 1-1-1v-4',
  full: 'M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7',
  rectangle: 'M5 7h14v10H5z',
  polygon: 'M5 9l8-5 7 6-3 9H8z',
  clear: 'M6 6l12 12M18 6L6 18',
  layers: 'M12 4l9 5-9 5-9-5zM3.5 14L12 18.7 20.5 14',
  chevron: 'M6 9l6 6 6-6',
};

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(svg.namespaceURI, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

export function button(name, label, onclick, key) {
  const title = key ? `${label} (${key})` : label;
  return el('button', { type: 'button', class: 'sm-button', title, 'aria-label': label, 'data-action': name, onclick }, icon(name));
}
