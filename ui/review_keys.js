// One key for each action of the review, and the reviewer's name, which this browser keeps.
const CLICK = {
  a: 'accept', r: 'reject', e: 'edit', s: 'split', m: 'merge', d: 'draw', w: 'redraw', u: 'undo', t: 'reason', o: 'outline',
  j: 'next', ArrowRight: 'next', ArrowDown: 'next', k: 'previous', ArrowLeft: 'previous', ArrowUp: 'previous', Escape: 'leave',
};
const FOCUS = { n: '.st-key-review-note textarea', c: '.st-key-review-type input, .st-key-review-class input' };
const CERTAINTY = { 0: 0, 1: 1, 2: 2, 3: 3 };
const NAME = 'scarp-reviewer';
const PATIENCE_MS = 4000;

// What all places of this component share: one listener for good, which is deaf where the review is not shown.
//   busy: since when the last key is at work; before: what was shown when it was pressed
//   stays: whether that key leaves the same detection shown
//   waiting: a key that came meanwhile; only the last of them counts
//   tool: which tool is asked for, a number of its own, 0 for none; the map itself learns that a little later
//   asked, shape: the last tool that was asked for, and what was shown then
const keys = (window.scarpReview ??= { busy: 0, before: '', stays: false, waiting: null, tool: 0, asked: 0, shape: '', listener: null });

const shown = () => {
  const chips = document.querySelector('.review-chips');
  return chips ? `${chips.dataset.detection} ${chips.dataset.version}` : '';
};

const begin = (stays = false, before = shown()) => Object.assign(keys, { busy: Date.now(), before, stays });

const atWork = () => document.querySelector('.sm-root[data-busy]')?.dataset.busy;

// The map has finished a shape, by whatever key, click or touch: that is on its way, and then shows another version,
// if it does not yet.
function onTool() {
  const now = atWork();
  if (keys.tool && keys.shape === shown() && (!now || now === 'saving')) begin(false, keys.shape);
}

function press(key) {
  if (keys.busy && Date.now() - keys.busy < PATIENCE_MS) {
    const mayWait = ['next', 'previous', 'undo'].includes(CLICK[key]) || keys.stays || shown() !== keys.before;
    if (mayWait) keys.waiting = key; // never a verdict on what is not seen yet
    return;
  }
  const target = key in CERTAINTY ? document.querySelectorAll('.st-key-review-certainty button')[CERTAINTY[key]]
    : document.querySelector(`.st-key-act-${CLICK[key]} button`);
  if (!target || target.disabled) return;
  begin(key in CERTAINTY || CLICK[key] === 'reason');
  target.click();
}

function onKey(event) {
  if (!document.querySelector('.st-key-review-keys-box')) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && event.key.length === 1) return;
  const typing = event.target.closest?.('input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable=true]');
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (typing) {
    if (key === 'Escape') event.target.blur();
    return;
  }
  if (document.querySelector('[role=dialog]:not(.sm-help)')) return;
  const tool = keys.tool && atWork();
  if (tool && tool !== 'saving') {
    const done = document.querySelector('.sm-hint .is-main:not([hidden])');
    if (key === 'Escape' || CLICK[key] === 'redraw' || keys.busy) press(key);
    else if (key === 'Enter' && done) {
      done.click();
      event.preventDefault(); // or the button that began the tool, which may have the focus, begins it again
    }
    return;
  }
  if (event.key.startsWith('Arrow') && event.target.closest?.('.sm-root, [role=listbox], [role=slider], [role=radiogroup]')) return;
  if (FOCUS[key]) {
    const field = document.querySelector(FOCUS[key]);
    if (!field) return;
    field.focus();
  } else if (CLICK[key] === 'outline') document.documentElement.classList.toggle('review-bare');
  else if (key in CLICK || key in CERTAINTY) {
    if (key === 'Escape' && !document.querySelector('.st-key-act-leave button')) return; // the map closes what it has open
    press(key);
  } else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

export default function ({ data, setStateValue }) {
  keys.busy = 0;
  keys.tool = data.tool;
  if (data.tool && data.tool !== keys.asked) Object.assign(keys, { asked: data.tool, shape: shown() });
  const field = document.activeElement; // a list that was chosen from would take the next key as a search
  if (field?.matches('[role=combobox]:not([aria-expanded=true])')) field.blur();
  if (keys.waiting) {
    const next = keys.waiting;
    keys.waiting = null;
    setTimeout(() => press(next), 0);
  }
  try {
    if (data.name) localStorage.setItem(NAME, data.name);
    else if (localStorage.getItem(NAME)) setStateValue('name', localStorage.getItem(NAME));
  } catch { /* storage is forbidden: the name is asked for again */ }
  if (keys.listener) return;
  window.addEventListener('keydown', (keys.listener = onKey), true);
  new MutationObserver(onTool).observe(document.body, { subtree: true, attributeFilter: ['data-busy'] });
}
