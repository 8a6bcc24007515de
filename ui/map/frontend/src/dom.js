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
  edit: 'M5 19l1-4L16.5 4.5a1.4 1.4 0 0 1 2 0l1 1a1.4 1.4 0 0 1 0 2L9 18zM14.5 6.5l3 3',
  clear: 'M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7M10.5 10.5v6M13.5 10.5v6',
  close: 'M7 7l10 10M17 7L7 17',
  swipe: 'M12 3v18M8.5 9L5 12l3.5 3M15.5 9l3.5 3-3.5 3',
  flicker: 'M4 12s3-5.5 8-5.5 8 5.5 8 5.5-3 5.5-8 5.5S4 12 4 12zM12 9.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4',
  help: 'M9.2 9.2a2.9 2.9 0 1 1 4.3 2.5c-1 .6-1.5 1.2-1.5 2.3M12 17.6v.1',
  north: 'M12 3.5l4 8.5H8zM12 20.5L8 12h8z',
  grip: 'M9.5 6v.1M14.5 6v.1M9.5 12v.1M14.5 12v.1M9.5 18v.1M14.5 18v.1',
  zoom: 'M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3M12 9.5v5M9.5 12h5',
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
