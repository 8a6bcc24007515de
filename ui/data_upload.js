// Files to the server, one after another: each is the body of one request, read from disk by the browser as it is sent.
const views = new WeakMap();

export default function render({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector('.scarp-up');
  let view = views.get(root);
  if (!view) views.set(root, (view = new Upload(root)));
  Object.assign(view, { data, tell: (count) => setTriggerValue('came', count) });
  view.limits.textContent = data.words;
  return () => {
    view.leave();
    views.delete(root);
  };
}

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function size(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`;
}

class Upload {
  constructor(root) {
    this.queue = [];
    this.came = 0;
    this.input = el('input', { type: 'file', multiple: '', class: 'scarp-up-input', tabindex: '-1', 'aria-hidden': 'true' });
    this.button = el('button', { type: 'button', class: 'scarp-up-choose' }, 'Choose files');
    this.limits = el('span', { class: 'scarp-up-limits' });
    this.drop = el('div', { class: 'scarp-up-drop' },
      el('b', {}, 'Drop imagery, elevation and labels here'), this.limits, this.button, this.input);
    this.list = el('ul', { class: 'scarp-up-list', 'aria-live': 'polite' });
    root.replaceChildren(this.drop, this.list);
    this.button.onclick = () => this.input.click();
    this.input.onchange = () => {
      this.add([...this.input.files]);
      this.input.value = '';
    };
    this.drop.ondragover = (event) => {
      event.preventDefault();
      this.drop.classList.add('scarp-up-over');
    };
    this.drop.ondragleave = () => this.drop.classList.remove('scarp-up-over');
    this.drop.ondrop = (event) => {
      event.preventDefault();
      this.drop.classList.remove('scarp-up-over');
      this.add([...event.dataTransfer.files]);
    };
    this.warn = (event) => event.preventDefault();
  }

  add(files) {
    for (const file of files) {
      const item = { file };
      item.bar = el('progress', { max: '1', value: '0', 'aria-label': file.name });
      item.state = el('span', { class: 'scarp-up-state' }, 'Waiting');
      item.stop = el('button', { type: 'button', class: 'scarp-up-stop', title: 'Cancel', 'aria-label': `Cancel ${file.name}` }, '×');
      item.row = el('li', { class: 'scarp-up-item' },
        el('span', { class: 'scarp-up-name', title: file.name }, file.name), item.state, item.stop, item.bar);
      item.stop.onclick = () => this.cancel(item);
      this.list.append(item.row);
      const problem = this.problem(file);
      if (problem) this.fail(item, problem);
      else this.queue.push(item);
    }
    this.next();
  }

  problem(file) {
    const dot = file.name.lastIndexOf('.');
    const suffix = dot < 0 ? '' : file.name.slice(dot).toLowerCase();
    if (!this.data.suffixes.includes(suffix)) return `${suffix || 'A name without an ending'} is not read here. Export rasters as GeoTIFF, outlines as GeoPackage or GeoJSON.`;
    if (file.size > this.data.most) return `${size(file.size)} is more than ${size(this.data.most)}. Use a data folder of the server for it.`;
    return file.size ? '' : 'The file is empty.';
  }

  next() {
    if (this.current) return;
    this.current = this.queue.shift();
    if (!this.current) {
      removeEventListener('beforeunload', this.warn);
      if (this.came) this.tell(this.came);
      this.came = 0;
      return;
    }
    addEventListener('beforeunload', this.warn);
    const item = this.current;
    const started = performance.now();
    const request = (item.request = new XMLHttpRequest());
    request.upload.onprogress = ({ loaded, total }) => {
      const speed = loaded / Math.max(1, performance.now() - started) * 1e3;
      const left = Math.ceil((total - loaded) / Math.max(1, speed));
      item.bar.value = loaded / total;
      item.state.textContent = loaded === total ? 'Storing' : `${size(loaded)} of ${size(total)}, ${left} s left`;
    };
    request.onload = () => this.ended(item);
    request.onerror = () => this.done(item, () => this.fail(item, 'The connection to the server broke. Try again.'));
    request.onabort = () => this.done(item, () => item.row.remove());
    request.responseType = 'json';
    request.open('PUT', `${this.data.url}?name=${encodeURIComponent(item.file.name)}`);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.send(item.file);
  }

  ended(item) {
    const { status, response } = item.request;
    this.done(item, () => {
      if (status === 201) {
        this.came += 1;
        item.row.remove();
      } else {
        const error = response?.error;
        this.fail(item, error ? `Found ${error.got}; expected ${error.expected}. ${error.remedy}` : 'The server did not take it. Reload the page and try again.');
      }
    });
  }

  done(item, then) {
    then();
    this.current = null;
    this.next();
  }

  cancel(item) {
    if (item === this.current) item.request.abort();
    else {
      this.queue = this.queue.filter((other) => other !== item);
      item.row.remove();
    }
  }

  fail(item, words) {
    item.row.classList.add('scarp-up-failed');
    item.state.textContent = words;
    item.stop.title = 'Dismiss';
    item.stop.setAttribute('aria-label', `Dismiss ${item.file.name}`);
    item.bar.remove();
  }

  leave() {
    this.queue = [];
    this.current?.request.abort();
    removeEventListener('beforeunload', this.warn);
  }
}
