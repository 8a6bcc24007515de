// Where the server is: without this Streamlit would look for it below the page's own address first.
window.__streamlit = { BACKEND_BASE_URL: location.origin + '/', MAIN_PAGE_BASE_URL: location.origin + '/' };

// Streamlit keeps the chosen theme under a name with the page's path in it; here one choice counts on every page.
for (const name of ['getItem', 'setItem', 'removeItem']) {
  const original = Storage.prototype[name];
  Storage.prototype[name] = function (key, ...rest) {
    return original.call(this, String(key).replace(/^stActiveTheme-.*(-v\d+)$/, 'stActiveTheme$1'), ...rest);
  };
}
