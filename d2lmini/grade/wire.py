"""What goes between a judge and a student's process: frames of JSON, and values inside them.

Nothing that comes from a student's process is believed. A frame is read against a schema, a value
is built from numbers, texts and containers alone; whatever else comes raises Garbled.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

LARGEST_FRAME = 64 * 2**20
ENTRIES = 10**6
CHARACTERS = 10_000
DEEPEST = 30
_DIGITS = 13_000  # bits of an integer; json reads 4300 digits
_ARRAYS = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
_ARRAYS |= {"bool", "float16", "float32", "float64", "complex64", "complex128"}
_TENSORS = {*_ARRAYS, "bfloat16"} - {"uint16", "uint32", "uint64"}

#: What a student's process may say. A result is not among it: results are made by the judge.
FROM_STUDENT = {
    "ready": {},
    "cell": {"number": int},
    "failed": {"number": int, "problem": str},
    "ran": {},
    "reply": {"id": int, "value": object, "problem": str, "unfinished": bool, "printed": str,
              "changed": list},
}  # fmt: skip
#: What the judge sends to a student's process.
JOB = {
    "job": {"cells": list, "cell_seconds": float, "memory": int, "reserve": int},
}
REQUESTS = {
    "answer": {"id": int, "name": str, "seconds": float},
    "call": {"id": int, "far": int, "given": list, "named": dict, "seconds": float},
    "forward": {"id": int, "far": int, "given": list, "named": dict, "seconds": float,
                "parameters": list, "grad": bool},
    "backward": {"id": int, "far": int, "slope": object, "seconds": float},
}  # fmt: skip
#: What the command sends to a judge.
WORK = {
    "work": {"cells": list, "exercises": list, "cases": dict, "seconds": float,
             "cell_seconds": float, "memory": int},
}  # fmt: skip
#: What a judge tells the command.
FROM_JUDGE = {
    "failed": {"number": int, "problem": str},
    "verdict": {"name": str, "status": str, "message": str, "seconds": float},
    "end": {"kind": str, "words": str, "place": str},
}

_dumps, _loads = json.JSONEncoder().encode, json.loads  # whatever a notebook makes of json


class Garbled(Exception):
    """What came is no message of this program."""


# Frames -----------------------------------------------------------------------------------------


def write(file: BinaryIO, message: Mapping[str, Any]) -> None:
    """Write one frame: its length in 8 bytes, then JSON. Raises OSError, ValueError."""
    data = _dumps(message).encode("ascii")
    if len(data) > LARGEST_FRAME:
        raise ValueError(f"the message has {len(data)} bytes; it may have {LARGEST_FRAME}")
    file.write(len(data).to_bytes(8, "big") + data)
    file.flush()


def read(file: BinaryIO) -> bytes | None:
    """The next frame as it came, None at the end. Raises Garbled, OSError."""
    head = file.read(8)
    if not head:
        return None
    size = int.from_bytes(head, "big")
    if len(head) < 8 or size > LARGEST_FRAME:
        raise Garbled
    data = file.read(size)
    if len(data) < size:
        raise Garbled
    return data


def message(data: bytes, schema: Mapping[str, Mapping[str, type]]) -> dict[str, Any]:
    """The event in a frame, with exactly the entries that the schema names. Raises Garbled."""
    try:
        event = _loads(data)
    except (ValueError, RecursionError, MemoryError):
        raise Garbled from None
    kind = event.get("event") if type(event) is dict else None
    fields = schema.get(kind) if type(kind) is str else None
    if fields is None or set(event) != {"event", *fields}:
        raise Garbled
    if not all(of is object or type(event[name]) is of for name, of in fields.items()):
        raise Garbled
    if not all(math.isfinite(event[name]) for name, of in fields.items() if of is float):
        raise Garbled
    return event


# Values, on their way out -------------------------------------------------------------------------


class Encoder:
    """Values -> JSON. keep: a function or a model -> the number under which it is kept here."""

    def __init__(self, keep: Callable[[Any], int]):
        self.keep, self.left = keep, ENTRIES

    def encode(self, value: Any, depth: int = 0) -> Any:
        """Never raises on what the value is; of a thing that cannot travel its name does."""
        try:
            return self._plain(value, depth)
        except Exception:  # whatever the reader's object does when it is looked at
            return thing(value)

    def _plain(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if value is None or kind in (bool, float):
            return value
        if kind is int:
            return value if value.bit_length() < _DIGITS else thing(value)
        if kind is complex:
            return {"t": "complex", "v": [value.real, value.imag]}
        if isinstance(value, str | bytes):
            return self._text(value)
        if value is ...:
            return {"t": "ellipsis"}
        if isinstance(value, list | tuple | set | frozenset | dict):
            return self._container(value, depth)
        if isinstance(value, range):
            value = np.asarray(value) if len(value) <= self.left else value
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value, depth)
        return self._tensor(value) or self._far(value, depth)

    def _text(self, value: str | bytes) -> Any:
        self.left -= min(len(value), CHARACTERS) // 8
        text = value[:CHARACTERS] if self.left >= 0 else value[:0]
        return str(text) if isinstance(text, str) else {"t": "bytes", "v": text.decode("latin1")}

    def _container(self, value: Any, depth: int) -> Any:
        self.left -= len(value)
        if depth >= DEEPEST or self.left < 0:
            return thing(value)
        if isinstance(value, dict):
            pairs = [[self.encode(part, depth + 1) for part in pair] for pair in value.items()]
            return {"t": "dict", "v": pairs}
        kind = {list: "list", tuple: "tuple"}
        name = next((n for k, n in kind.items() if isinstance(value, k)), "set")
        return {"t": name, "v": [self.encode(one, depth + 1) for one in value]}

    def _array(self, value: Any, depth: int) -> Any:
        self.left -= value.size
        if self.left < 0:
            return thing(value)
        if value.dtype.kind in "OUS":
            self.left += value.size
            return self.encode(value.tolist(), depth + 1)
        array = np.asarray(value)
        if array.dtype.name not in _ARRAYS:
            array = array.astype(complex if array.dtype.kind == "c" else float)
        array = array.astype(array.dtype.newbyteorder("<"))
        data = base64.b64encode(array.tobytes()).decode("ascii")
        made = {"t": "array", "dtype": array.dtype.name, "shape": list(array.shape), "data": data}
        return {**made, "t": "scalar"} if isinstance(value, np.generic) else made

    def _tensor(self, value: Any) -> Any:
        if type(value).__module__.partition(".")[0] != "torch" or not hasattr(value, "detach"):
            return None
        kind = str(value.dtype).removeprefix("torch.")
        plain = value.detach().cpu()
        made = self._array((plain.float() if kind == "bfloat16" else plain).numpy(), 0)
        return {**made, "t": "tensor", "kind": kind} if made["t"] == "array" else made

    def _far(self, value: Any, depth: int) -> Any:
        if hasattr(type(value), "named_parameters") and hasattr(type(value), "forward"):
            parameters = [
                [name, self._tensor_of(p), bool(p.requires_grad)]
                for name, p in value.named_parameters()
            ]
            step_size = self.encode(getattr(value, "step_size", 1.0), depth + 1)
            far = {"id": self.keep(value), "name": name_of(type(value))}
            return {"t": "module", **far, "parameters": parameters, "step_size": step_size}
        if hasattr(type(value), "__array__"):
            return self._array(np.asarray(value), depth)
        if callable(value):
            far = {"id": self.keep(value), "name": name_of(value), "parameters": signature(value)}
            return {"t": "function", **far}
        return thing(value)

    def _tensor_of(self, parameter: Any) -> Any:
        return self._tensor(parameter.detach().clone())


def thing(value: Any) -> dict[str, Any]:
    """What is told of a value that does not travel: its type, its size, its number if it is one."""
    made = {"t": "thing", "name": name_of(type(value)), "size": None, "number": None}
    made["iterator"] = hasattr(type(value), "__next__")
    try:
        size = getattr(value, "size", None)
        made["size"] = int(size if isinstance(size, int | np.integer) else len(value))
    except Exception:
        if hasattr(type(value), "__float__"):
            with contextlib.suppress(Exception):
                made["number"] = float(value)
    return made


def name_of(value: Any) -> str:
    """Its name, "" when it has none."""
    name = getattr(value, "__name__", "")
    return name[:100] if isinstance(name, str) else ""


def signature(value: Any) -> list | None:
    """Names, kinds and whether there is a default; None when that cannot be told."""
    import inspect

    try:
        parameters = inspect.signature(value).parameters.values()
        return [[p.name, int(p.kind), p.default is not p.empty] for p in parameters]
    except (TypeError, ValueError):
        return None


# Values, as they come -----------------------------------------------------------------------------


class Thing:
    """Stands for a value that did not travel."""


def decode(raw: Any, far: Callable[[dict], Any] | None = None, depth: int = 0) -> Any:
    """JSON -> value. far: makes what stands for a function or a model. Raises Garbled."""
    if raw is None or type(raw) in (bool, int, float, str):
        return raw
    if depth > DEEPEST + 2 or type(raw) is not dict or type(raw.get("t")) is not str:
        raise Garbled
    try:
        return _decoded(raw, far, depth)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError):
        raise Garbled from None


def _decoded(raw: dict, far: Callable[[dict], Any] | None, depth: int) -> Any:
    kind = raw["t"]
    if kind == "ellipsis":
        return ...
    if kind == "complex":
        return complex(*(_of(float, part) for part in raw["v"]))
    if kind == "bytes":
        return _of(str, raw["v"]).encode("latin1")
    if kind in ("list", "tuple", "set"):
        parts = [decode(one, far, depth + 1) for one in _of(list, raw["v"])]
        return {"list": list, "tuple": tuple, "set": set}[kind](parts)
    if kind == "dict":
        pairs = [_of(list, pair) for pair in _of(list, raw["v"])]
        return {decode(k, far, depth + 1): decode(v, far, depth + 1) for k, v in pairs}
    if kind in ("array", "scalar", "tensor"):
        return _array(raw)
    if kind == "thing":
        return _thing(raw)
    if far is None:
        raise Garbled
    return far(raw)


def _array(raw: dict) -> Any:
    shape = [_of(int, n) for n in _of(list, raw["shape"])]
    kind = _of(str, raw["dtype"])
    if kind not in _ARRAYS or len(shape) > 32 or any(n < 0 for n in shape):
        raise Garbled
    data = base64.b64decode(_of(str, raw["data"]), validate=True)
    dtype = np.dtype(kind).newbyteorder("<")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise Garbled
    array = np.frombuffer(data, dtype).reshape(shape).astype(kind)
    if raw["t"] == "scalar":
        return array[()] if not shape else array
    if raw["t"] == "array":
        return array
    if _of(str, raw["kind"]) not in _TENSORS:
        raise Garbled
    import torch

    return torch.from_numpy(array).to(getattr(torch, raw["kind"]))


def _thing(raw: dict) -> Thing:
    parts: dict[str, Any] = {}
    if raw["size"] is not None:
        parts["size"] = _of(int, raw["size"])
    if raw["number"] is not None:
        number = _of(float, raw["number"])
        parts["__float__"] = lambda self: number
    if _of(bool, raw["iterator"]):
        parts |= {"__iter__": lambda self: self, "__next__": lambda self: _end()}
    return type(_of(str, raw["name"])[:100].replace("\0", "") or "thing", (Thing,), parts)()


def _end() -> Any:
    raise StopIteration


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise Garbled
    return value
