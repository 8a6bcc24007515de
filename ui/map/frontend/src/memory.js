// What one browser tab remembers of a map: its view and what the user did to the layers.

const read = (key) => {
  try {
    return JSON.parse(sessionStorage.getItem(key)) ?? {};
  } catch {
    return {};
  }
};

export function memory(key) {
  const name = `scarp-map:${key}`;
  const values = read(name);
  return {
    get: (field) => values[field],
    set(field, value) {
      values[field] = value;
      sessionStorage.setItem(name, JSON.stringify(values));
    },
  };
}
