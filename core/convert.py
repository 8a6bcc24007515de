"""An ImageNet checkpoint of torchvision to safetensors that an encoder loads."""

from __future__ import annotations

import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from core.errors import InputError, ModelError, unknown_name
from core.files import write_atomic
from core.nets.network import fitted
from core.nets.resnet import ResNet50
from core.nets.vgg import Vgg16

MAX_CHECKPOINT_BYTES = 2**30
"""The largest of them, VGG-16's, has 0.55 GB."""

DAMAGE = (RuntimeError, EOFError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError, ValueError,
          MemoryError, struct.error, zipfile.BadZipFile)
"""What PyTorch raises on a file that is not what it seems."""

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64)

ENCODERS: dict[str, Callable[[], nn.Module]] = {
    "resnet50": ResNet50, "vgg16": partial(Vgg16, norm=False), "vgg16_bn": partial(Vgg16, norm=True),
}


def convert_weights(checkpoint: Path, architecture: str, out: Path) -> int:
    """Write the encoder part of a torchvision checkpoint as safetensors; return the number of parameters.

    The checkpoint is a pickle: only tensors are read from it, and nothing in it is executed.

    Args:
        checkpoint: A ``.pth`` file as torchvision publishes them.
        architecture: A name in ``ENCODERS``.
        out: A ``.safetensors`` file; replaced if it is there.

    Raises:
        UnknownNameError: No such architecture.
        InputError: ``out`` has another ending, or the file is too large or not a checkpoint.
        ModelError: The checkpoint holds code, or tensors that are not the architecture's.
        StorageError: It could not be written.
    """
    if architecture not in ENCODERS:
        raise unknown_name("architecture", architecture, sorted(ENCODERS))
    if out.suffix != ".safetensors":
        raise InputError("--out", got=out.name, expected="a name that ends in .safetensors", remedy="Rename it.")
    state = _read(checkpoint)
    with torch.device("meta"):
        encoder = ENCODERS[architecture]()
    tensors = fitted(state, encoder, checkpoint.name)
    write_atomic(out, save({name: value.float().contiguous() for name, value in tensors.items()}))
    return sum(value.numel() for value in tensors.values())


def _read(path: Path) -> dict[str, Tensor]:
    """Return a checkpoint's tensors by name."""
    try:
        size = _unpacked_bytes(path)
        with warnings.catch_warnings():  # of damage: what is loaded is judged below
            warnings.simplefilter("ignore", UserWarning)
            state = torch.load(path, map_location="cpu", weights_only=True) if size <= MAX_CHECKPOINT_BYTES else None
    except pickle.UnpicklingError as error:
        if "GLOBAL" not in str(error):
            raise _not_a_checkpoint(path, "something else") from error
        raise ModelError(f"checkpoint {path.name}", got="a pickle that would run code", expected="tensors alone",
                         remedy="Do not trust it; fetch the state dict that torchvision publishes.") from error
    except OSError as error:
        raise _not_a_checkpoint(path, error.strerror or "an error") from error
    except DAMAGE as error:
        raise _not_a_checkpoint(path, "a damaged file or something else") from error
    if state is None:
        raise InputError(f"checkpoint {path.name}", got=f"{size / 1e9:.1f} GB",
                         expected=f"at most {MAX_CHECKPOINT_BYTES / 1e9:.1f} GB",
                         remedy="Give torchvision's own checkpoint.")
    if not isinstance(state, dict) or not all(isinstance(name, str) and _plain(value) for name, value in state.items()):
        raise _not_a_checkpoint(path, f"a {type(state).__name__} that holds more than named tensors")
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


def _unpacked_bytes(path: Path) -> int:
    if not zipfile.is_zipfile(path):
        return path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def _plain(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and value.dtype in _DTYPES


def _not_a_checkpoint(path: Path, got: str) -> InputError:
    return InputError(f"checkpoint {path.name}", got=got, expected="a state dict saved by PyTorch",
                      remedy="Give the .pth file that torchvision publishes for the architecture.")
