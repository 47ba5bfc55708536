"""What stands for a student's functions and models where they are judged.

Each call goes to the student's process and its result comes back as a value; a model is
differentiated there too, so that the judge can train it with parameters that it holds itself.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from ..exercise_checks.limits import AnswerError, UnfinishedError
from . import wire

Ask = Callable[..., dict]


class Near:
    """Makes stand-ins.

    ask: sends a request to the student's process -> its checked reply; spoiled: called when what
    came makes no sense.
    """

    def __init__(self, ask: Ask, spoiled: Callable[[], Any]):
        self.ask, self.spoiled = ask, spoiled

    def answer(self, name: str) -> Any:
        """The student's variable of that name; LookupError when there is none."""
        reply = self.ask("answer", name=name)
        if reply["problem"]:
            raise AnswerError(reply["problem"])
        if reply["value"] == {"t": "missing"}:
            raise LookupError(name)
        with self.doubting():
            return wire.decode(reply["value"], self.stand_in)

    @contextlib.contextmanager
    def doubting(self) -> Iterator[None]:
        """Whatever came from the student's process is looked at inside."""
        try:
            yield
        except (wire.Garbled, LookupError, TypeError, ValueError):
            self.spoiled()
            raise AnswerError("What came back cannot be read.") from None

    def stand_in(self, raw: dict) -> Any:
        """What stands for one function or model; Garbled when raw describes neither."""
        if raw["t"] == "function":
            return self._function(raw)
        if raw["t"] == "module":
            return _model(self, raw)
        raise wire.Garbled

    def request(self, event: str, given: tuple, named: dict, **more: Any) -> Any:
        """Ask for a call, apply what it changed in its arguments, give its value or raise."""
        encode = wire.Encoder(_never).encode
        reply = self.ask(
            event,
            given=[encode(one) for one in given],
            named={name: encode(one) for name, one in named.items()},
            **more,
        )
        print(reply["printed"], end="", file=sys.stdout)
        with self.doubting():
            _change([*given, *named.values()], reply["changed"])
        if reply["problem"]:
            raise (UnfinishedError if reply["unfinished"] else AnswerError)(reply["problem"])
        return reply["value"]

    def _function(self, raw: dict) -> Callable:
        far = _number(raw["id"])

        def answer(*given: Any, **named: Any) -> Any:
            value = self.request("call", given, named, far=far)
            with self.doubting():
                return wire.decode(value, self.stand_in)

        answer.__name__ = answer.__qualname__ = _text(raw["name"])
        if (made := _signature(raw["parameters"])) is not None:
            answer.__signature__ = made
        return answer


def _signature(raw: Any) -> inspect.Signature | None:
    """None where it could not be told, or makes no sense."""
    try:
        parameters = [
            inspect.Parameter(
                _text(name),
                inspect._ParameterKind(_number(kind)),
                default=None if default else inspect.Parameter.empty,
            )
            for name, kind, default in raw
        ]
        return inspect.Signature(parameters)
    except (TypeError, ValueError, wire.Garbled):
        return None


def _change(given: list, changed: list) -> None:
    """Do to the judge's arguments what the function did to its own, so that it is noticed."""
    for index, raw in changed:
        mine, new = given[_number(index)], wire.decode(raw)
        if isinstance(mine, list) and isinstance(new, list):
            mine[:] = new
        elif isinstance(mine, np.ndarray) and np.shape(new) == mine.shape:
            mine[...] = new
        elif hasattr(mine, "copy_") and np.shape(new) == tuple(mine.shape):
            mine.copy_(new)


def _never(value: Any) -> int:
    raise TypeError(f"a {type(value).__name__} cannot be sent to a student's process")


def _number(raw: Any) -> int:
    if type(raw) is not int or raw < 0:
        raise wire.Garbled
    return raw


def _text(raw: Any) -> str:
    if type(raw) is not str:
        raise wire.Garbled
    return raw[:100]


# Models -------------------------------------------------------------------------------------------


def _model(near: Near, raw: dict) -> Any:
    """A module with the student's parameters whose forward runs in the student's process."""
    import torch

    far, name = _number(raw["id"]), _text(raw["name"])
    parameters = {}
    for key, value, slopes in raw["parameters"]:
        value = wire.decode(value)
        if not isinstance(value, torch.Tensor) or (slopes and not value.is_floating_point()):
            raise wire.Garbled
        parameters[_text(key)] = torch.nn.Parameter(value, requires_grad=bool(slopes))

    class Model(torch.nn.Module):
        step_size = wire.decode(raw["step_size"])

        def named_parameters(self, *_: Any, **__: Any):
            yield from parameters.items()

        def forward(self, *given: Any, **named: Any) -> Any:
            values = [wire.Encoder(_never).encode(p) for p in parameters.values()]
            more = {"parameters": values, "grad": torch.is_grad_enabled()}
            made = near.request("forward", given, named, far=far, **more)
            with near.doubting():
                if type(made) is not dict or made.get("t") != "graph":
                    return wire.decode(made, near.stand_in)
                value, graph = wire.decode(made["value"]), _number(made["id"])
                if not isinstance(value, torch.Tensor) or not value.is_floating_point():
                    raise wire.Garbled
            leaves = [p for p in parameters.values() if p.requires_grad]
            return _differentiable().apply(near, graph, value, *leaves)

    Model.__name__ = Model.__qualname__ = name or "Module"
    return Model()


@cache
def _differentiable() -> Any:
    import torch

    class Differentiable(torch.autograd.Function):
        """The value of a model that ran elsewhere; its slopes come from there too."""

        @staticmethod
        def forward(ctx, near, graph, value, *leaves):
            ctx.near, ctx.graph, ctx.shapes = near, graph, [p.shape for p in leaves]
            return value.clone()

        @staticmethod
        def backward(ctx, slope):
            encoded = wire.Encoder(_never).encode(slope)
            reply = ctx.near.ask("backward", far=ctx.graph, slope=encoded)
            if reply["problem"]:
                raise _error(reply["problem"])
            with ctx.near.doubting():
                slopes = wire.decode(reply["value"])
                shapes = [getattr(got, "shape", None) for got in slopes]
                if any(got not in (None, due) for got, due in zip(shapes, ctx.shapes, strict=True)):
                    raise wire.Garbled
            return (None, None, None, *slopes)

    return Differentiable


def _error(problem: str) -> Exception:
    """As torch would raise it here, where a judge looks for torch's own words."""
    cut_off = "RuntimeError" in problem and ("grad" in problem or "used" in problem)
    return RuntimeError(problem) if cut_off else AnswerError(problem)
