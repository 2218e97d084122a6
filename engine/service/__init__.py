# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server is made of: clients, the queue of what they ask for, and the memory that it takes."""
