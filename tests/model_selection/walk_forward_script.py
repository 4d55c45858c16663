"""An experiment that ends itself: a folder, after so many epochs, by which signal."""

import os
import signal
import sys

from skorch.callbacks import Callback

from sknumerai.datasets import make_numerai
from sknumerai.model_selection import GroupTimeSeriesSplit, WarmStartWalkForward
from sknumerai.neural_network import MLPRegressor

CV = GroupTimeSeriesSplit(4, test_size=4, valid_size=4, embargo=2, max_train_size=8)


class Ending(Callback):
    """Sends this process a signal after some epochs of all folds together."""

    # no parameters: the experiment is the same however it ends
    n_epochs, last, signal = 0, None, None

    def on_epoch_end(self, net, **kwargs):
        Ending.n_epochs += 1
        if Ending.n_epochs == Ending.last:
            os.kill(os.getpid(), Ending.signal)


def experiment(folder):
    """The same each time, whatever the folder and the end."""
    data = make_numerai(
        n_eras=50, n_samples_per_era=40, targets="target_ender_20", random_state=0
    )
    net = MLPRegressor(8, max_epochs=4, random_state=0, callbacks=[Ending()])
    walk = WarmStartWalkForward(net, CV, checkpoint_dir=folder, verbose=0)
    return walk.fit(data.data, data.target)


if __name__ == "__main__":
    # pickled by the name that the tests import it by
    from tests.model_selection.walk_forward_script import Ending, experiment

    # what a shell runs in the background is told to ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Ending.last, Ending.signal = int(sys.argv[2]), int(sys.argv[3])
    experiment(sys.argv[1])
