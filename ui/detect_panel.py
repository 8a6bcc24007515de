"""The panel that starts a detection: where, from what, with which model; then what it will take, and the button."""

from dataclasses import replace

import streamlit as st

from core.engines import ENGINES
from core.errors import ScarpError
from core.layers import Layer
from core.nets.looks import Looks
from core.project import Project
from core.request import Request
from core.vectorize import OutlineSettings
from ui import state
from ui.detect_estimate import estimate
from ui.map.area_tools import area_tools
from ui.models import choose_model
from ui.settings import models_root
from ui.words import errors_in_words, say

_ENGINES = {"auto": "Automatic", "openvino": "OpenVINO", "torch": "PyTorch"}
_WINDOWS = (None, 512, 768, 1024, 1408)


def keep_choices() -> None:
    """Let what is chosen in this panel outlive a look at another: Streamlit forgets what it does not show."""
    for key, value in st.session_state.items():
        if str(key).startswith("detect-"):
            st.session_state[key] = value


def detect_panel(project: Project) -> None:
    """Choose area, image, elevation and model; see what it takes; start."""
    area = area_tools(project)
    image = _layer("Image", project.of("image"), "detect-image")
    dem = _layer("Elevation", [*project.of("dem"), None], "detect-dem") if project.of("dem") else None
    card = choose_model()
    request, ready = None, False
    if card and image:
        try:
            request = _settings(project, Request(image, card, dem, area))
            ready = estimate(project, request)
        except ScarpError as error:
            say(error)
    if st.button("Detect landslides", type="primary", icon=":material/radar:", width="stretch", disabled=not ready):
        with errors_in_words():
            state.show_job(request.submit(project, models_root()).id)
            st.rerun()


def _layer(label: str, layers: list[Layer | None], key: str) -> Layer | None:
    """Choose a layer by its id; the first is taken unless another is chosen."""
    known = {layer.id if layer else "": layer for layer in layers}
    if st.session_state.get(key) not in known:
        st.session_state.pop(key, None)
    if len(known) == 1:
        return layers[0]
    return known[st.selectbox(label, list(known), key=key, format_func=lambda name: _name(known[name]))]


def _name(layer: Layer | None) -> str:
    if layer is None:
        return "Without"
    return f"{layer.title}, {layer.date}" if layer.date else layer.title


def _settings(project: Project, request: Request) -> Request:
    """Show what is seldom changed, and return the whole request."""
    card = request.model
    threshold_key = f"detect-threshold-{card.name}-{request.image.id}"
    if threshold_key not in st.session_state:
        st.session_state[threshold_key] = request.own_threshold(project)
    st.session_state.setdefault("detect-smallest", OutlineSettings.min_area_m2)
    with st.expander("More settings", icon=":material/tune:"):
        threshold = st.slider("Threshold", 0.02, 0.98, step=0.01, key=threshold_key,
                              help="Landslide probability from which a pixel counts. It can be changed afterwards.")
        smallest = st.number_input("Smallest landslide, m²", 0.0, 1e6, step=50.0, format="%.0f", key="detect-smallest")
        engine = st.selectbox("Engine", ENGINES, format_func=lambda name: _ENGINES.get(name, name), key="detect-engine",
                              help="What the network runs on. Automatic takes the fastest that this computer has.")
        window = st.selectbox("Window", _WINDOWS, format_func=lambda side: f"{side} px" if side else "Automatic",
                              key="detect-window", help="Smaller windows need less memory and take longer.")
        single = card.looks != Looks() and st.toggle(
            "One look only", key="detect-single", help="The image is seen with its own pixels alone, not with wider "
            "and narrower ones too: up to five times as fast, and less good.")
    return replace(request, engine=engine, threshold=threshold, min_area_m2=smallest, window=window,
                   halo=min(320, window // 4) if window else 320, single_look=single)
