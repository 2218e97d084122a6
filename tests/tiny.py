"""A preset and a pool so small that reconstructing or a training step takes a fraction of a second."""

from engine.weights.presets import Encoder, Level, NormalNets, Preset
from training.pool import PoolFormat

SMALL_POOL = PoolFormat(size=128, views=2, points=600)

TINY = Preset(
    name="tiny", coarse_size=64, fine_size=128, padding="edge", depth_scale=8.0, omega_layer=2,
    normals=NormalNets(True, (8, 8, 16), 1, span=True, back_colour=True),
    coarse=Level(
        Encoder(9, (8, 16, 16, 16), 16, stacks=2, depth=2, pool=True, groups=4),
        (17, 32, 16, 16, 8, 1), (2, 3, 4),
    ),
    fine=Level(
        Encoder(9, (8, 16, 16, 16), 8, stacks=1, depth=2, pool=False, groups=4),
        (24, 32, 16, 8, 1), (1, 2),
    ),
)  # fmt: skip
