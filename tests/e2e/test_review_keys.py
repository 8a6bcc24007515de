"""The keys of the review in a real browser, on a page that stands in for the app: what comes too soon, what waits."""

import pytest

from ui.settings import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
ACTS = ("accept", "reject", "edit", "next", "undo", "leave")
PAGE = f"""<div class="st-key-review-keys-box"></div>
<div class="review-chips" data-detection="one" data-version="1"></div>
{"".join(f'<div class="st-key-act-{act}"><button>{act}</button></div>' for act in ACTS)}
<div class="sm-root" tabindex="-1"><div class="sm-hint"><button class="is-main" hidden>Done</button></div></div>"""
SCRIPT = """async (code) => {
  const keys = (await import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })))).default;
  window.did = [];
  document.querySelectorAll('button').forEach((each) => { each.onclick = () => window.did.push(each.textContent); });
  const root = document.querySelector('.sm-root'), done = document.querySelector('.is-main'),
    chips = document.querySelector('.review-chips');
  done.addEventListener('click', () => { delete root.dataset.busy; done.hidden = true; });
  window.map = (busy) => {
    if (busy) root.dataset.busy = busy;
    else delete root.dataset.busy;
    done.hidden = busy !== 'edit';
  };
  window.draws = (detection, version) => Object.assign(chips.dataset, { detection, version });
  window.answers = (tool = 0) => new Promise((ready) => {
    keys({ data: { tool, name: '' }, setStateValue: () => {} });
    setTimeout(ready, 5);
  });
  await window.answers();
}"""


@pytest.fixture
def page(browser):
    context = browser.new_context()
    page = context.new_page()
    page.set_content(PAGE)
    page.evaluate(SCRIPT, (ROOT / "ui" / "review_keys.js").read_text("utf-8"))
    yield page
    context.close()


@pytest.fixture
def after(page):
    """Return a function that presses keys or runs steps, and says which buttons were pressed since the last time."""

    def did(*steps):
        for step in steps:
            page.evaluate(step) if "(" in step else page.keyboard.press(step)
        page.wait_for_timeout(10)
        return page.evaluate("window.did.splice(0)")

    return did


def test_a_verdict_waits_for_what_it_is_about_and_a_step_for_its_turn(after):
    assert after("a", "a", "r") == ["accept"], "the next one is not seen yet"
    assert after("j", "answers()") == ["next"], "a step waits"
    assert after("answers()", "a", "draws('two', 1)", "r", "answers()") == ["accept", "reject"], "seen, and waits"


def test_undo_waits_for_what_it_takes_back(after):
    assert after("a", "u") == ["accept"]
    assert after("draws('two', 1)", "answers()") == ["undo"]


def test_no_verdict_while_a_finished_shape_is_on_its_way(after):
    assert after("e", "answers(7)", "map('edit')", "a", "r") == ["edit"], "a tool is at work"
    assert after("Enter", "a") == ["Done"], "the shape is not saved: it would be a verdict on the one before it"
    assert after("draws('one', 2)", "a") == [] and after("answers(0)") == ["accept"]


@pytest.mark.parametrize("end", ["map('saving')", "map()"])
def test_a_shape_finished_by_mouse_or_touch_holds_the_keys_too(after, end):
    after("answers(7)", "map('polygon')")
    assert after(end, "a") == []
    assert after("draws('drawn', 1)", "r") == [], "it is shown, but the page is not ready"
    assert after("answers(0)") == ["reject"]


def test_a_tool_begun_right_after_a_shape_has_its_own_keys(after):
    after("answers(7)", "map('edit')", "Enter", "draws('one', 2)", "answers(0)")
    assert after("e", "answers(8)", "map('edit')", "a", "j") == ["edit"]
    assert after("Enter") == ["Done"]


def test_enter_finishes_a_tool_and_not_the_button_that_began_it(page, after):
    page.get_by_role("button", name="edit").focus()
    after("answers(7)", "map('edit')")
    assert after("Enter") == ["Done"]


def test_escape_leaves_a_tool(after):
    assert after("answers(7)", "map('linestring')", "Escape") == ["leave"]
