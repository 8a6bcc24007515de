"""An area typed beside the map: taken, refused with words, shown and cleared."""

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from core.project import add_layer, create


@pytest.fixture
def tools(tmp_path, monkeypatch, make_raster):
    monkeypatch.setenv("SCARP_PROJECTS", str(tmp_path))
    project = create(tmp_path / "valley", "Valley")
    path = project.folder / "layers" / "image.tif"
    shutil.move(make_raster(shape=(400, 400)), path)
    add_layer(project, "image", path, "Image")

    def script():
        import streamlit as st

        from ui import state
        from ui.map import area_tools

        area = area_tools(state.current_project())
        st.text("whole" if area is None else area["type"])

    app = AppTest.from_function(script, default_timeout=60)
    app.query_params["project"] = "valley"
    return app.run()


def submit(app, **sides):
    for field in app.number_input:
        if field.label in sides:
            field.set_value(sides[field.label])
    next(button for button in app.button if button.label == "Use this area").click()
    return app.run()


def test_a_typed_area_is_kept_in_the_address_and_can_be_cleared(tools):
    assert tools.text[0].value == "whole" and not tools.exception
    tools.radio[0].set_value("The image's, EPSG:32648").run()
    submit(tools, West=388_010.0, South=3_675_850.0, East=388_060.0, North=3_675_900.0)
    assert not tools.exception and tools.text[0].value == "Polygon" and tools.query_params["area"]
    next(button for button in tools.button if button.key == "area-clear").click()
    tools.run()
    assert tools.text[0].value == "whole" and "area" not in tools.query_params


def test_an_area_that_is_none_or_elsewhere_is_refused_in_words(tools):
    submit(tools, West=10.0, South=10.0, East=11.0, North=11.0)
    assert "outside the image" in tools.error[0].value and "area" not in tools.query_params
    submit(tools, West=12.0, South=10.0, East=11.0, North=11.0)
    assert "west below east" in tools.error[0].value
