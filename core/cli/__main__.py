"""``python -m core.cli``, as jobs call it."""

import sys

from core.cli import main

sys.exit(main())
