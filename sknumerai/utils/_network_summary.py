"""The layers of a network as a table."""

# SPDX-License-Identifier: BSD-3-Clause

from html import escape

# The name of what a network holds beside its layers, and the source of what is fed
# with rows
ROOT = "(network)"
INPUT = -1
_STYLE = "text-align: left"


class NetworkSummary:
    """Layers, output shapes and parameters of a network.

    Made by :func:`network_summary` and by `summary` of every network. Printed, and
    shown in a notebook, it is a table. Read more in the
    :doc:`User Guide </user_guide/network_inspection>`.

    Parameters
    ----------
    name : str
        What the network is called.

    input_shape : tuple of int
        Shape of one row.

    layers : DataFrame
        A row for each layer by its name in the network, in the order of their first
        calls: `type`, `output_shape` as text ("n" is the number of rows), the number
        of its own `parameters`, how many of these are `trainable`, and `calls`, how often
        it is applied to a batch. Parameters that several layers share count in the
        first. Layers that are never called come last, without a shape; layers that hand
        on what they get (``torch.nn.Identity``) are left out.

    calls : DataFrame
        A row for each call of a layer, in their order: `layer`, `type`, `sources`, the
        numbers of the calls whose results it works on (-1: the features), and
        `output_shape`. Where results are brought together between layers, that is a
        call too, without a name of a layer and with "+", "concat" or the like as type.

    outputs : DataFrame
        A row for each output of the network: `sources` and `output_shape`.

    See Also
    --------
    network_summary : Makes one.
    NetworkDisplay : The same as a drawing.

    Examples
    --------
    >>> from sknumerai.inspection import network_summary
    >>> from sknumerai.modules import MLP
    >>> summary = network_summary(MLP(42, 1, hidden_features=(16,)))
    >>> summary.layers[["output_shape", "parameters"]]
             output_shape  parameters
    layer
    hidden.0      (n, 16)         688
    hidden.2      (n, 16)           0
    hidden.3      (n, 16)           0
    output         (n, 1)          17
    >>> summary.n_parameters
    705
    """

    def __init__(self, name, input_shape, *, layers, calls, outputs):
        self.name = name
        self.input_shape = input_shape
        self.layers = layers
        self.calls = calls
        self.outputs = outputs

    @property
    def n_parameters(self):
        """Number of parameters; running statistics of normalization are none."""
        return int(self.layers["parameters"].sum())

    @property
    def n_trainable(self):
        """Number of parameters that training changes."""
        return int(self.layers["trainable"].sum())

    def __repr__(self):
        shape = ", ".join(["n", *(str(size) for size in self.input_shape)])
        table = self._shown().rename_axis(index=None)
        return "\n".join(
            [
                f"{self.name}: ({shape}) -> {', '.join(self.outputs['output_shape'])}",
                table.to_string() if len(table) else "no layers",
                self._total(),
            ]
        )

    def _repr_html_(self):
        heads = ["layer", "type", "output shape", "parameters", "calls"]
        head = "".join(f'<th scope="col">{name}</th>' for name in heads)
        rows = "".join(
            f'<tr><th scope="row" style="{_STYLE}"><code>{escape(layer)}</code></th>'
            + "".join(
                f'<td style="{_STYLE}">{escape(row[name])}</td>'
                for name in ("type", "output_shape")
            )
            + f"<td>{row['parameters']}</td><td>{row['calls']}</td></tr>"
            for layer, row in self._shown().iterrows()
        )
        return (
            f"<table><caption>{escape(self.name)}: {self._total()}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def _shown(self):
        table = self.layers.drop(columns="trainable")
        frozen = self.layers["parameters"] > self.layers["trainable"]
        numbers = table["parameters"].map("{:,}".format)
        return table.assign(parameters=numbers.where(~frozen, numbers + " frozen"))

    def _total(self):
        n, n_frozen = self.n_parameters, self.n_parameters - self.n_trainable
        return f"{n:,} parameters, {n - n_frozen:,} trainable" + (
            f", {n_frozen:,} frozen" if n_frozen else ""
        )
