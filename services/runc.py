"""Which releases of runc keep a container in."""

from __future__ import annotations

import re


def runc_is_safe(version: str) -> bool:
    """It has the fixes for the escapes CVE-2025-31133, -52565 and -52881: 1.2.8, 1.3.3 or later.

    Source: https://github.com/opencontainers/runc/releases/tag/v1.3.3
    """
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if numbers is None:
        return False
    major, minor, patch = (int(number) for number in numbers.groups())
    fixed = {(1, 2): 8, (1, 3): 3}
    return (major, minor) > max(fixed) or patch >= fixed.get((major, minor), patch + 1)
