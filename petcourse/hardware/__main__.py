"""``python -m petcourse.hardware`` prints the hardware report; with ``--json`` it is for a helpdesk."""

import json
import sys

from petcourse import __version__
from petcourse.hardware.check import as_text, report

if sys.argv[1:] not in ([], ["--json"]):
    raise SystemExit(f"python -m petcourse.hardware was given {' '.join(sys.argv[1:])}; it knows --json only.")
lines = report()
if sys.argv[1:]:
    print(json.dumps({"petcourse": __version__, "report": [line._asdict() for line in lines]}, indent=1))
else:
    print(as_text(lines))
