"""OpenVINO without its telemetry, which would report to its makers each import and each network converted.

Scarp makes no request to any other host. OpenVINO goes without where that package cannot be imported.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402

__all__ = ["ov"]
