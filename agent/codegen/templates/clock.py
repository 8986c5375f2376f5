"""When the script began: the imports of its libraries count too."""

import os
import time

ONE_EACH = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def started() -> float:
    """The clock as the script begins.  Libraries imported after it take one thread, unless asked for more.

    Folds are learnt side by side, one on each processor: threads within each would wait for each other.
    """
    os.environ |= dict.fromkeys(ONE_EACH, "1")
    return time.monotonic()


STARTED = started()
