"""When the script began: the imports of its libraries count too."""

import time

STARTED = time.monotonic()
