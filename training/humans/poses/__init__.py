# SPDX-License-Identifier: GPL-3.0-or-later
"""What poses are made of: the rig's limbs, the flesh that must not collide, stances, gestures, hands."""
