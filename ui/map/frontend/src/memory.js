// What this browser remembers of a map: its view, and what the user did to the layers. A place that was flown to, and
// whether an online basemap is on, are the tab's alone.

function store(area, name) {
  let values = {};
  try {
    values = JSON.parse(area.getItem(name)) ?? {};
  } catch { /* damaged, or storage is forbidden: start afresh */ }
  return {
    get: (field) => values[field],
    set(field, value) {
      values[field] = value;
      try {
        area.setItem(name, JSON.stringify(values));
      } catch { /* full or forbidden: it lasts as long as the page */ }
    },
  };
}

export function memory(key) {
  const name = `scarp-map:${key}`;
  return { ...store(localStorage, name), tab: store(sessionStorage, name) };
}
