"""How QGIS, QField and Mergin Maps show the record: colours, and a form with lists of values, dates and limits."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from core.export import renderer
from core.inventory.schema import FIELDS, Field

NEW_ID = "uuid('WithoutBraces')"
"""QGIS's expression for the id of a landslide that is drawn in the field."""


def style() -> str:
    """Return a layer's style: symbol, aliases, widgets, and that what was measured cannot be typed in."""
    root = Xml.Element("qgis", version="3.28.0", styleCategories="Symbology|Fields|Forms")
    root.append(Xml.fromstring(renderer()))
    widgets, aliases, defaults, constraints, editable = (Xml.SubElement(root, tag) for tag in (
        "fieldConfiguration", "aliases", "defaults", "constraints", "editable"))
    for index, field in enumerate(FIELDS):
        kind, options = _widget(field)
        widget = Xml.SubElement(Xml.SubElement(widgets, "field", name=field.name, configurationFlags="None"),
                                "editWidget", type=kind)
        Xml.SubElement(widget, "config").append(options)
        unit = f" ({field.unit})" if field.unit else ""
        alias = f"{field.name.replace('_', ' ')}{unit}" if not field.measured else f"{field.meaning}{unit}"
        Xml.SubElement(aliases, "alias", index=str(index), field=field.name, name=alias)
        needed = str(int(field.name == "id"))
        expression = NEW_ID if field.name == "id" else f"'{field.default}'" if field.default else ""
        Xml.SubElement(defaults, "default", field=field.name, expression=expression, applyOnUpdate="0")
        Xml.SubElement(constraints, "constraint", field=field.name, constraints="3" if field.name == "id" else "0",
                       notnull_strength=needed, unique_strength=needed, exp_strength="0")
        Xml.SubElement(editable, "field", name=field.name,
                       editable=str(int(not field.measured and field.name != "id")))
    return '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">' + Xml.tostring(root, "unicode")


def _widget(field: Field) -> tuple[str, Xml.Element]:
    """Return the kind of widget and its settings."""
    options = Xml.Element("Option", type="Map")
    if field.kind == "choice":
        listed = Xml.SubElement(options, "Option", type="List", name="map")
        for value in field.values:
            _set(Xml.SubElement(listed, "Option", type="Map"), value, value)
        return "ValueMap", options
    if field.kind == "date":
        for name in ("display_format", "field_format"):
            _set(options, name, "yyyy-MM-dd")
        for name in ("allow_null", "calendar_popup"):
            _set(options, name, "true", "bool")
        return "DateTime", options
    if field.kind == "whole":
        _set(options, "AllowNull", "true", "bool")
        for name, end in (("Min", field.low), ("Max", field.high)):
            _set(options, name, f"{end or 0:.0f}", "int")
        return "Range", options
    _set(options, "IsMultiline", "true" if field.name == "note" else "false", "bool")
    return "TextEdit", options


def _set(options: Xml.Element, name: str, value: str, kind: str = "QString") -> None:
    Xml.SubElement(options, "Option", name=name, value=value, type=kind)
