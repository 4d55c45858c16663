"""An experiment that a test kills: a folder, and a number of seconds for each epoch."""

import sys
import time

from skorch.callbacks import Callback

from sknumerai.datasets import make_numerai
from sknumerai.model_selection import GroupTimeSeriesSplit, WarmStartWalkForward
from sknumerai.neural_network import MLPRegressor

CV = GroupTimeSeriesSplit(4, test_size=4, valid_size=4, embargo=2, max_train_size=8)


class Slow(Callback):
    """Waits, so that there is time to be killed."""

    # no parameter: the experiment is the same however long it takes
    seconds = 0.0

    def on_epoch_end(self, net, **kwargs):
        time.sleep(self.seconds)


def experiment(folder):
    """The same each time, whatever the folder and the time it takes."""
    data = make_numerai(
        n_eras=50, n_samples_per_era=40, targets="target_ender_20", random_state=0
    )
    net = MLPRegressor(8, max_epochs=4, random_state=0, callbacks=[Slow()])
    walk = WarmStartWalkForward(net, CV, checkpoint_dir=folder, verbose=0)
    return walk.fit(data.data, data.target)


if __name__ == "__main__":
    Slow.seconds = float(sys.argv[2])
    experiment(sys.argv[1])
