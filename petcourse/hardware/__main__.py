"""``python -m petcourse.hardware`` prints the hardware report."""

import sys

from petcourse.hardware.check import main

main(sys.argv[1:])
