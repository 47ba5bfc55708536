"""A student's answers, in the student's process: found by name, called, differentiated.

``Answers`` does what the judge asks for and hands over values, as ``wire`` encodes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..exercise_checks.limits import call
from . import wire

KEPT_GRAPHS = 64
MISSING = {"t": "missing"}


class Answers:
    """The variables of a notebook, its functions and models by the numbers they were given."""

    def __init__(self, variables: Mapping[str, Any]):
        self.variables = variables
        self.kept: list[Any] = []
        self.graphs: dict[int, tuple[Any, list]] = {}
        self.encode: Callable[[Any], Any] = lambda value: wire.Encoder(self._keep).encode(value)

    def to(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What is said to one request, ready to travel; whatever goes wrong becomes words."""
        do = getattr(self, f"_{request['event']}")
        given = [wire.decode(one) for one in request.get("given", ())]
        named = {name: wire.decode(one) for name, one in request.get("named", {}).items()}
        before = [self.encode(one) for one in (*given, *named.values())]
        whose = "The function"
        if request["event"] in ("forward", "backward") or self._is_class(request):
            whose = "Your answer"
        outcome = call(lambda: do(request, given, named), request["seconds"], whose=whose)
        after = [self.encode(one) for one in (*given, *named.values())]
        pairs = zip(before, after, strict=True)
        return {
            "id": request["id"],
            "value": outcome.value,
            "problem": outcome.problem[:2000],
            "unfinished": outcome.unfinished,
            "printed": outcome.printed,
            "changed": [[i, new] for i, (old, new) in enumerate(pairs) if old != new],
        }

    def _keep(self, value: Any) -> int:
        self.kept.append(value)
        return len(self.kept) - 1

    def _is_class(self, request: Mapping[str, Any]) -> bool:
        return request["event"] == "call" and isinstance(self.kept[request["far"]], type)

    def _answer(self, request: Mapping[str, Any], given: list, named: dict) -> Any:
        name = request["name"]
        return self.encode(self.variables[name]) if name in self.variables else MISSING

    def _call(self, request: Mapping[str, Any], given: list, named: dict) -> Any:
        return self.encode(self.kept[request["far"]](*given, **named))

    def _forward(self, request: Mapping[str, Any], given: list, named: dict) -> Any:
        """A model with the judge's parameters, called; its graph is kept for ``_backward``."""
        import torch

        model = self.kept[request["far"]]
        parameters = [p for _, p in model.named_parameters()]
        with torch.no_grad():
            for parameter, value in zip(parameters, request["parameters"], strict=True):
                parameter.copy_(wire.decode(value))
        with torch.set_grad_enabled(request["grad"]):
            result = model(*given, **named)
        made = self.encode(result)
        if not isinstance(result, torch.Tensor) or not result.requires_grad:
            return made
        self.graphs[request["id"]] = result, [p for p in parameters if p.requires_grad]
        while len(self.graphs) > KEPT_GRAPHS:
            del self.graphs[min(self.graphs)]
        return {"t": "graph", "id": request["id"], "value": made}

    def _backward(self, request: Mapping[str, Any], given: list, named: dict) -> Any:
        import torch

        result, parameters = self.graphs.pop(request["far"])
        slope = wire.decode(request["slope"])
        slopes = torch.autograd.grad(result, parameters, slope, allow_unused=True)
        return self.encode(list(slopes))
