"""What the layers of a torch network do with a few rows, and which feeds which.

It needs torch, so that ``sknumerai.utils`` does not import it.
"""

# SPDX-License-Identifier: BSD-3-Clause

import copy
from collections import Counter

import pandas as pd
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from sknumerai.utils._network_summary import INPUT, ROOT, NetworkSummary

# Two numbers of rows: sizes that follow them are those of the rows.
_ROWS = (3, 5)
# What is written for operations that bring results together
_JOINS = {"add": "+", "sub": "-", "mul": "x", "cat": "concat", "stack": "stack"}
# Layers that hand on what they get
_NOTHING = (nn.Identity, nn.Sequential, nn.ModuleList, nn.ModuleDict)


def summarize_module(module, input_shape, *, name=None, caller="network_summary"):
    """List the layers of a network: shapes, parameters, and what feeds them.

    A copy of the network is run on a few random rows, in evaluation mode on the CPU.
    Neither the network nor torch's generators are changed, and its own forward hooks
    are not run.

    Parameters
    ----------
    module : torch.nn.Module
        The network.

    input_shape : tuple of int
        Shape of one row.

    name : str, default=None
        What the network is called. By default the name of its class.

    caller : str, default="network_summary"
        Name to begin messages with.

    Returns
    -------
    summary : NetworkSummary
        The layers.

    Raises
    ------
    TypeError
        If it is a ScriptModule, which does not tell of its operations.

    ValueError
        If the network does not take such rows, or cannot be copied.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise TypeError(
            f"{caller}: {type(module).__name__} holds compiled code, whose layers are "
            "not called one by one. Pass the module that was scripted or traced."
        )
    name = type(module).__name__ if name is None else name
    is_trained = {key: p.requires_grad for key, p in module.named_parameters()}
    with torch.random.fork_rng(devices=[]):
        traces = [_trace(module, input_shape, n, caller) for n in _ROWS]
    calls, outputs = traces[0].calls, traces[0].outputs
    others = _numbered(traces[1])
    for key, line in _numbered(traces[0]).items():
        # operations between layers may depend on the number of rows
        other = others.get(key, line)["shapes"]
        shapes = [_shape(a, b) for a, b in zip(line["shapes"], other)]
        line["output_shape"] = ", ".join(shapes)
    return NetworkSummary(
        name,
        input_shape,
        layers=_layers(traces[0], calls, is_trained),
        calls=pd.DataFrame(calls, columns=["layer", "type", "sources", "output_shape"]),
        outputs=pd.DataFrame(outputs, columns=["sources", "output_shape"]),
    )


def _numbered(trace):
    """The calls by layer, and the outputs, each with its number among those alike."""
    found, seen = {}, Counter()
    for line in [*trace.calls, *trace.outputs]:
        kind = line.get("layer", "output"), line.get("type")
        found[*kind, seen[kind]] = line
        seen[kind] += 1
    return found


class _Trace:
    """What happened in one pass.

    `sources` of a call or an output are the numbers of the calls whose results it was
    made of; `INPUT` is the rows themselves.
    """

    def __init__(self, module):
        self.module, self.calls, self.outputs = module, [], []


def _trace(module, input_shape, n_rows, caller):
    # a copy: hooks and modes would be seen by threads that predict beside
    module = _copy_of(module, caller).cpu().eval()
    for part in module.modules():
        # what they count or log is not the copy's; those before a call may make weights
        part._forward_hooks.clear()
    for parameter in module.parameters():
        if parameter.is_floating_point():
            # layers without gradient may take a way round their own parts
            parameter.requires_grad = True
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), None)
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(n_rows, *input_shape, generator=generator).to(dtype)
    trace = _Trace(module)
    flow = _Flow(trace)
    flow.say(X, {INPUT})
    hooks = []
    for name, part in _parts(module):
        # the whole is a layer only where it has no parts
        if name != ROOT or next(part.children(), None) is None:
            hooks += _watch(name, part, trace, flow)
    try:
        # without gradients TabM takes its submodels one by one
        with torch.enable_grad(), flow:
            output = module(X)
    except Exception as error:
        raise ValueError(
            f"{caller}: {type(module).__name__} does not take rows of shape "
            f"{tuple(input_shape)}: {error}. Pass the shape of one row as input_shape, "
            "such as (42,)."
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    trace.outputs += [
        {"sources": flow.sources([tensor]), "shapes": [tuple(tensor.shape)]}
        for tensor in _tensors(output)
    ]
    _drop_unused_joins(trace)
    return trace


def _copy_of(module, caller):
    try:
        return copy.deepcopy(module)
    except Exception as error:
        raise ValueError(
            f"{caller}: {type(module).__name__} cannot be copied (copy.deepcopy), and "
            f"the rows are run through a copy: {error} Such as tensors with a history, "
            "which are kept as attributes, are to be detached or deleted; the old "
            "torch.nn.utils.weight_norm keeps one, "
            "torch.nn.utils.parametrizations.weight_norm does not."
        ) from error


def _drop_unused_joins(trace):
    needed = set()
    for line in trace.outputs:
        needed.update(line["sources"])
    for number in reversed(range(len(trace.calls))):
        call = trace.calls[number]
        if call["layer"] or number in needed:
            needed.add(number)
            needed.update(call["sources"])
    kept = [i for i in range(len(trace.calls)) if i in needed]
    new = {INPUT: INPUT, **{old: i for i, old in enumerate(kept)}}
    trace.calls[:] = [trace.calls[i] for i in kept]
    for line in [*trace.calls, *trace.outputs]:
        line["sources"] = tuple(new[source] for source in line["sources"])


def _parts(module):
    """Yield what counts as a layer: parts that hold no others, or parameters."""
    for name, part in module.named_modules():
        own = next(part.parameters(recurse=False), None) is not None
        is_whole = next(part.children(), None) is None
        if own or (is_whole and not isinstance(part, _NOTHING)):
            yield name or ROOT, part


def _watch(name, part, trace, flow):
    """Have each call of a part noted, and its results marked as made by it."""
    pending = []

    def before(part, args, kwargs):
        pending.append(flow.sources(_tensors((args, kwargs))))
        flow.depth += 1

    def after(part, args, kwargs, output):
        flow.depth -= 1
        number = len(trace.calls)
        trace.calls.append(
            {
                "layer": name,
                "type": type(part).__name__.lstrip("_"),
                "sources": pending.pop(),
                "shapes": [tuple(tensor.shape) for tensor in _tensors(output)],
            }
        )
        given = {flow.key(tensor) for tensor in _tensors((args, kwargs))}

        def mark(value):
            if not isinstance(value, torch.Tensor):
                return value
            if flow.key(value) in given:
                # dropout hands on what it got: what others get of it is not its result
                value = value.clone()
            flow.say(value, {number})
            return value

        return tree_map(mark, output)

    return [
        part.register_forward_pre_hook(before, with_kwargs=True),
        part.register_forward_hook(after, with_kwargs=True),
    ]


class _Flow(TorchDispatchMode):
    """Follow through all operations which calls a tensor was made of.

    By the memory of tensors, which views share. None is freed before the end, so that
    no address comes twice. An operation between layers that brings the results of
    several calls together is a call itself, without a layer.
    """

    def __init__(self, trace):
        super().__init__()
        self.trace, self.known, self.kept, self.depth = trace, {}, [], 0

    def key(self, tensor):
        return tensor.untyped_storage()._cdata

    def say(self, tensor, sources):
        self.kept.append(tensor)
        self.known[self.key(tensor)] = set(sources)

    def sources(self, tensors):
        found = [self.known.get(self.key(tensor), set()) for tensor in tensors]
        return tuple(sorted(set().union(*found)))

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        given, made = _tensors((args, kwargs)), _tensors(result)
        sources = self.sources([*given, *made])
        if len(sources) > 1 and not self.depth and made:
            sources = (self._join(func, sources, made[0]),)
        for tensor in made:
            self.say(tensor, sources)
        return result

    def _join(self, func, sources, result):
        calls = self.trace.calls
        for number in sources:
            own = calls[number]["sources"] if number >= 0 else ()
            is_join = number >= 0 and not calls[number]["layer"]
            if is_join and {*sources} <= {number, *own}:
                # what was brought together meets a part of it again
                calls[number].update(type="function", shapes=[tuple(result.shape)])
                return number
        name = func.__name__.split(".")[0].rstrip("_")
        calls.append(
            {
                "layer": "",
                "type": _JOINS.get(name, "function"),
                "sources": sources,
                "shapes": [tuple(result.shape)],
            }
        )
        return len(calls) - 1


def _tensors(values):
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def _shape(shape, other):
    """Write a shape, n for the number of rows, from those of 3 and of 5 rows."""
    sizes = []
    for size, of_more in zip(shape, other):
        if size == of_more:
            sizes.append(f"{size}")
        elif size * _ROWS[1] == of_more * _ROWS[0] and size % _ROWS[0] == 0:
            times = size // _ROWS[0]
            sizes.append("n" if times == 1 else f"{times} n")
        else:
            sizes.append("?")
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _layers(trace, calls, is_trained):
    """The table of layers, in the order of their first calls."""
    seen, rows = {}, {}
    for name, part in _parts(trace.module):
        own = [p for p in part.named_parameters(recurse=False) if id(p[1]) not in seen]
        seen.update((id(p), p) for _, p in own)
        prefix = "" if name == ROOT else f"{name}."
        trained = [p.numel() for key, p in own if is_trained.get(prefix + key, True)]
        rows[name] = {
            "type": type(part).__name__.lstrip("_"),
            "output_shape": "",
            "parameters": sum(p.numel() for _, p in own),
            "trainable": sum(trained),
            "calls": 0,
        }
    shapes = {}
    calls = [call for call in calls if call["layer"]]
    for call in calls:
        rows[call["layer"]]["calls"] += 1
        shapes.setdefault(call["layer"], {})[call["output_shape"]] = None
    for name, found in shapes.items():
        rows[name]["output_shape"] = ", ".join(found)
    order = [*dict.fromkeys(call["layer"] for call in calls)]
    order += [name for name in rows if name not in shapes]
    columns = ["type", "output_shape", "parameters", "trainable", "calls"]
    return pd.DataFrame(
        [rows[name] for name in order], pd.Index(order, name="layer"), columns
    )
