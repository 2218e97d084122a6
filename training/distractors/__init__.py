# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that are not the person: what stands beside people, and what they hold."""

from .sprites import build_sprites, sprite_metres

__all__ = ["build_sprites", "sprite_metres"]
