# SPDX-License-Identifier: GPL-3.0-or-later
"""Views as the stages of training read them: people of a pool, photographed in all sorts of places."""

from .batch import Batch, Source, ViewSettings, batch_picture
from .choose import open_views
from .live import LiveViews
from .stock import StockFormat, build_stock
from .stored import StoredViews

__all__ = [
    "Batch",
    "LiveViews",
    "Source",
    "StockFormat",
    "StoredViews",
    "ViewSettings",
    "batch_picture",
    "build_stock",
    "open_views",
]
