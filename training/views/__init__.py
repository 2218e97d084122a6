# SPDX-License-Identifier: GPL-3.0-or-later
"""Views as the stages of training read them: people of a pool, photographed in all sorts of places."""

from .batch import Batch, Source, ViewSettings, batch_picture

__all__ = ["Batch", "Source", "ViewSettings", "batch_picture"]
