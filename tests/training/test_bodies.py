"""Synthetic bodies: who they are, how tall they are and where their hands are."""

import numpy as np

from training.humans import Person


def test_hands_are_at_the_hands(person: Person) -> None:
    assert person.hands is not None
    skin = person.vertices[person.faces[person.part == 0].unique()]
    for palm in person.hands:
        # flesh lies all round a palm's middle, and no further from it than a hand is thick
        near = (skin - palm).norm(dim=1)
        assert near.min() < 0.03
        assert (near < 0.12).sum() > 500
    left, right = person.hands.numpy()
    assert np.linalg.norm(left - right) > 0.05
