"""Entry points: parse flags, build, run."""

import signal
import sys

# Python names its argument list so while it looks for the module that `-m` is to run, and only
# then: Ctrl-C during the imports of a command ends it without a traceback.
if sys.argv[:1] == ["-m"]:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
