"""`python -m infra.session`: the ProxyCommand of SSH, in the inventories of stacks that stand."""

from __future__ import annotations

import sys

from infra.session.forwarding import main

if __name__ == "__main__":
    sys.exit(main())
