"""A portfolio problem of the user's own, written in cvxpy, as a layer."""

# SPDX-License-Identifier: BSD-3-Clause

import copy
import functools
import pickle
import warnings

import numpy as np
import torch
from torch import nn

from sknumerai.utils import import_optional

_CALLER = "CvxpyPortfolio"
# Values that break what a parameter promises by no more are rounding.
_ROUNDING = 1e-6
# Shares of a certificate that are less than this are rounding.
_CERTIFICATE = 1e-3
_PARTS = ("problem", "_inputs", "_outputs", "_layer")
_PACKED = "_packed"


class CvxpyPortfolio(nn.Module):
    """Solutions of a convex problem written in cvxpy, with their exact gradient.

    For objectives and limits that `PortfolioOptimizer` does not have: tracking error,
    costs of trading, beta, other norms. Needs ``pip install 'sknumerai[cvxpy]'``.

    Parameters
    ----------
    problem : cvxpy.Problem
        Convex, of linear and quadratic functions, absolute values, maxima and norms.
        Parameters enter so that cvxpy calls the problem DPP: in essence, no two of them
        are multiplied with each other.

    parameters : sequence of cvxpy.Parameter
        All parameters of `problem`, in the order in which `forward` is given values.

    variables : sequence of cvxpy.Variable
        What `forward` gives. Multipliers of constraints, ``constraint.dual_variables``,
        are variables too.

    solver_args : dict or None, default=None
        Settings of Clarabel by name, as ``{"max_iter": 500}``. By default its
        tolerances are 1e-10.

    Raises
    ------
    ImportError
        If cvxpylayers or Clarabel is not installed.

    TypeError
        If `problem` is no cvxpy problem, or a setting has the wrong type.

    ValueError
        If the problem is not convex or not DPP, has integers or cones of exponentials,
        powers or matrices, if `parameters` or `variables` are not its own, or a setting
        is unknown.

    See Also
    --------
    DifferentiablePortfolio : The package's own problem, much faster.

    Notes
    -----
    Clarabel's solution is polished: by Newton's method on the conditions of the
    constraints that are active, dropping those with a multiplier of the wrong sign and
    adding those that are broken until none are. Weights, multipliers and gradient are
    then exact to rounding. The gradient is that of the active constraints' motion. On
    the edge between two active sets it is one of the one-sided derivatives; by limits
    that say the same twice, and by variables that the solution leaves open, it is the
    one of least squares, for the latter with a warning. A linear problem has its
    solution in a corner, whose gradient is zero.

    cvxpylayers' own default, the derivative of diffcp by LSQR, stops at a limit of
    iterations without a word; gradients of portfolios are then far off. The user guide
    has the figures.

    A layer is of one number of stocks. Eras of different sizes take a layer each, or
    stocks without a score with a parameter for the largest weight that is 0.

    All is computed on the CPU in float64; solutions have the type and device of the
    values. Layers can be copied and pickled; a model that was trained with one can be
    loaded without cvxpy, as long as the layer is not called.

    References
    ----------
    .. [1] Agrawal, A., Amos, B., Barratt, S., Boyd, S., Diamond, S. and Kolter, J. Z.
       (2019). Differentiable Convex Optimization Layers. :arxiv:`1910.12430`
    .. [2] Goulart, P. J. and Chen, Y. (2024). Clarabel: An Interior-Point Solver for
       Conic Programs with Quadratic Objectives. :arxiv:`2405.12762`

    Examples
    --------
    >>> import cvxpy as cp
    >>> import torch
    >>> from sknumerai.portfolio import CvxpyPortfolio
    >>> weights, scores = cp.Variable(4), cp.Parameter(4)
    >>> problem = cp.Problem(
    ...     cp.Maximize(scores @ weights - cp.sum_squares(weights) / 2),
    ...     [cp.sum(weights) == 0, cp.norm1(weights) <= 1, cp.norm(weights) <= 0.5],
    ... )
    >>> layer = CvxpyPortfolio(problem, [scores], [weights])
    >>> values = torch.tensor([0.9, 0.6, 0.3, 0.1], requires_grad=True)
    >>> (solution,) = layer(values)
    >>> solution.detach().numpy().round(3) + 0.0
    array([ 0.351,  0.103, -0.144, -0.309], dtype=float32)
    >>> (solution @ torch.tensor([0.1, 0.2, -0.1, 0.0])).backward()
    >>> values.grad.shape
    torch.Size([4])
    """

    def __init__(self, problem, parameters, variables, *, solver_args=None):
        super().__init__()
        cp = import_optional("cvxpy", extra="cvxpy", caller=_CALLER)
        import_optional("clarabel", extra="cvxpy", caller=_CALLER)
        layers = import_optional("cvxpylayers.torch", extra="cvxpy", caller=_CALLER)
        from sknumerai.portfolio._clarabel_interface import PolishedClarabel

        _check_problem(cp, problem)
        self._inputs, self._outputs = list(parameters), list(variables)
        _check_parameters(problem, self._inputs)
        _check_variables(problem, self._outputs)
        solver = PolishedClarabel(_CALLER, solver_args or {})
        self.problem = problem
        # Not a submodule: its buffers are constants in float64 on the CPU, no state
        self.__dict__["_layer"] = layers.CvxpyLayer(
            problem, self._inputs, self._outputs, solver=solver
        )

    def forward(self, *values):
        """Solve the problem for given values of its parameters.

        Parameters
        ----------
        *values : torch.Tensor or array-like
            Value of each parameter, of its shape or with one more dimension in front:
            a batch, of eras for instance. Values without it are the same for all.

        Returns
        -------
        tuple of torch.Tensor
            Value of each of `variables`, with the batch's dimension in front if there
            is one.

        Raises
        ------
        ValueError
            If a value is missing, has another shape, NaN or infinity, or is not what
            its parameter promises (as ``nonneg=True``), or if the problem has no
            solution: then the message names the constraints that contradict each
            other, or the variables that grow without limit.
        """
        from sknumerai.portfolio._clarabel_interface import NotSolved

        if len(values) != len(self._inputs):
            raise ValueError(
                f"{_CALLER}: the problem has {len(self._inputs)} parameters. Got "
                f"{len(values)} values."
            )
        tensors = [torch.as_tensor(value) for value in values]
        sizes = {
            len(value): _name(parameter, i)
            for i, (value, parameter) in enumerate(zip(tensors, self._inputs))
            if _check_value(value, parameter, i)
        }
        if len(sizes) > 1:
            given = ", ".join(f"{name} {size}" for size, name in sizes.items())
            raise ValueError(
                f"{_CALLER}: batches must have one size. Got values of {given}."
            )
        if 0 in sizes:
            raise ValueError(f"{_CALLER}: the batch is empty.")
        inner = [v.to(dtype=torch.float64, device="cpu") for v in tensors]
        try:
            solutions = self._layer(*inner)
        except NotSolved as error:
            raise ValueError(self._explain(error)) from None
        given = [v for v in values if isinstance(v, torch.Tensor)] or tensors
        like = functools.reduce(torch.promote_types, [v.dtype for v in given])
        if not like.is_floating_point:
            like = torch.get_default_dtype()
        device = next((v.device for v in given if v.device.type != "cpu"), "cpu")
        return tuple(x.to(dtype=like, device=device) for x in solutions)

    def __getstate__(self):
        # in bytes that are read where they are needed: a model that was trained with
        # the layer can be loaded where cvxpy is not installed
        state = dict(self.__dict__)
        if _PACKED not in state:
            state[_PACKED] = pickle.dumps({name: state.pop(name) for name in _PARTS})
        return state

    def __getattr__(self, name):
        if name in _PARTS and _PACKED in self.__dict__:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
                self.__dict__.update(pickle.loads(self.__dict__[_PACKED]))
            del self.__dict__[_PACKED]
            return self.__dict__[name]
        return super().__getattr__(name)

    def __deepcopy__(self, memo):
        # the problem does not change: copies share it
        for name in _PARTS:
            part = getattr(self, name)
            memo[id(part)] = part
        other = type(self).__new__(type(self))
        memo[id(self)] = other
        other.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return other

    def extra_repr(self):
        """Say the problem's parameters and variables.

        Returns
        -------
        str
            For ``repr``.
        """
        return ", ".join(
            f"{title}=[{', '.join(f'{v.name()}{list(v.shape)}' for v in leaves)}]"
            for title, leaves in (
                ("parameters", self._inputs),
                ("variables", self._outputs),
            )
        )

    def _explain(self, error):
        status, start = error.status, f"{_CALLER}: {error.which} "
        if "PrimalInfeasible" in status:
            return (
                f"{start}has no solution: its constraints contradict each other"
                f"{self._culprits(error.z)}. Loosen one of them."
            )
        if "DualInfeasible" in status:
            return (
                f"{start}has no largest value: without limit it grows with "
                f"{self._rays(error.x)}. Limit them, or add a cost of their squares."
            )
        return (
            f"{start}was not solved: Clarabel ended with {status}. Bring objective, "
            "variables and constraints to sizes near 1, or set solver_args, as "
            "max_iter."
        )

    def _culprits(self, z):
        """The constraints that a certificate of infeasibility is the sum of."""
        duals = [
            (constraint, dual)
            for constraint in self.problem.constraints
            for dual in constraint.dual_variables
        ]
        sizes = self._sizes([dual for _, dual in duals], "dual", z)
        names = dict.fromkeys(
            str(constraint)
            for (constraint, _), size in zip(duals, sizes)
            if size > _CERTIFICATE * max(sizes)
        )
        return f" ({'; '.join(names)})" if names else ""

    def _rays(self, x):
        """The variables in which a problem is unbounded."""
        variables = self.problem.variables()
        sizes = self._sizes(variables, "primal", x)
        names = [
            variable.name()
            for variable, size in zip(variables, sizes)
            if size > _CERTIFICATE * max(sizes)
        ]
        return ", ".join(names) or "auxiliary variables"

    def _sizes(self, leaves, side, values):
        """Largest size of the parts of a solution that belong to each variable."""
        layer = type(self._layer)(
            self.problem, self._inputs, leaves, solver=self._layer.ctx.solver
        )
        return [
            np.abs(values[getattr(part, side)]).max(initial=0.0)
            for part in layer.ctx.var_recover
        ]


def _check_problem(cp, problem):
    if not isinstance(problem, cp.Problem):
        raise TypeError(
            f"{_CALLER}: problem must be a cvxpy.Problem. Got {type(problem).__name__}."
        )
    if problem.is_mixed_integer():
        raise ValueError(
            f"{_CALLER}: problem has integer or boolean variables, whose solution has "
            "no gradient. Leave these conditions out."
        )
    if not problem.parameters():
        raise ValueError(
            f"{_CALLER}: problem has no cvxpy.Parameter, so there is nothing to "
            "differentiate by. Make the scores one."
        )
    parts = [problem.objective, *problem.constraints]
    if not problem.is_dcp():
        bad = "; ".join(str(part) for part in parts if not part.is_dcp())
        raise ValueError(
            f"{_CALLER}: problem is not convex by cvxpy's rules (DCP): {bad}. Maximize "
            "concave or minimize convex functions, with convex limits."
        )
    # a covariance may be a parameter, which cvxpy calls DPP when asked so
    if not problem.is_dpp(quad_form_dpp="qp"):
        bad = "; ".join(str(part) for part in parts if not part.is_dpp())
        raise ValueError(
            f"{_CALLER}: problem is not DPP, that is, parameters enter other than "
            f"linearly: {bad}. Make one parameter of each product or function of "
            "parameters, and compute its value before the layer."
        )


def _check_parameters(problem, parameters):
    own = {p.id: p.name() for p in problem.parameters()}
    given = {p.id: p.name() for p in parameters}
    missing = [name for key, name in own.items() if key not in given]
    others = [name for key, name in given.items() if key not in own]
    if missing or others or len(given) < len(parameters):
        raise ValueError(
            f"{_CALLER}: parameters must be those of the problem, {list(own.values())},"
            f" each once. Got {[p.name() for p in parameters]}."
        )


def _check_variables(problem, variables):
    own = {v.id for v in problem.variables()}
    own |= {d.id for c in problem.constraints for d in c.dual_variables}
    others = [v.name() for v in variables if v.id not in own]
    if others or not variables:
        raise ValueError(
            f"{_CALLER}: variables must be of the problem, some of "
            f"{[v.name() for v in problem.variables()]} or the dual_variables of its "
            f"constraints. Got {others}."
        )


def _check_value(value, parameter, i):
    """Raise where a value does not fit its parameter. True for a batch of values."""
    name, shape = _name(parameter, i), tuple(parameter.shape)
    if tuple(value.shape) != shape and tuple(value.shape[1:]) != shape:
        batch = f"(n_eras, {', '.join(map(str, shape))})" if shape else "(n_eras,)"
        raise ValueError(
            f"{_CALLER}: the value of {name} must have shape {shape} or {batch}. Got "
            f"{tuple(value.shape)}."
        )
    if value.is_complex() or not bool(torch.isfinite(value).all()):
        raise ValueError(
            f"{_CALLER}: the value of {name} must be finite numbers, and has NaN, "
            "infinity or complex numbers."
        )
    is_batch = value.ndim == len(shape) + 1
    if any(parameter.attributes.values()):
        array = value.detach().cpu().double().numpy()
        for one in array if is_batch else [array]:
            if not np.allclose(parameter.project(one), one, _ROUNDING, _ROUNDING):
                promised = [k for k, v in parameter.attributes.items() if v]
                raise ValueError(
                    f"{_CALLER}: the value of {name} is not {' and '.join(promised)}, "
                    "as the parameter was declared."
                )
    return is_batch


def _name(parameter, i):
    return f"parameter {i} ({parameter.name()})"
