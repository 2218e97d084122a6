# SPDX-License-Identifier: GPL-3.0-or-later
"""People from scans, with the interface of training.humans."""

from .folder import ScanFolder, find_scans, read_scan
from .frame import ScanFrame
from .surface import UnusableScan

__all__ = ["ScanFolder", "find_scans", "read_scan", "ScanFrame", "UnusableScan"]
