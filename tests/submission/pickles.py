"""Files of callables that do one thing wrong."""

import textwrap

import cloudpickle

GOOD = "return pd.DataFrame({'prediction': rank}, index=live.index)"
# a callable that ranks a feature; `rank` is right
CODE = """
def predict({arguments}):
    import os, sys
    import numpy as np
    import pandas as pd
    rank = live["feature_a"].rank(method="first") / (len(live) + 1)
{body}
"""


def write_callable(path, body=GOOD, arguments="live, benchmark"):
    """Pickle by value, as a function of a notebook is."""
    namespace = {"__name__": "a_notebook"}
    code = CODE.format(arguments=arguments, body=textwrap.indent(body, "    "))
    exec(code, namespace)  # noqa: S102
    path.write_bytes(cloudpickle.dumps(namespace["predict"]))
    return path
