"""What a classifier is given."""

import numpy as np

from hsizoo.protocols.classification import chance_of, only_at


def test_labels_elsewhere_are_hidden():
    labels = np.array([[-3, 4, 4], [7, -3, 0]])
    names = {-3: "soil", 0: "none", 4: "corn", 7: "rye"}
    found = only_at(np.array([[1, 1, 0], [0, 0, 0]], bool), labels, names)
    assert dict(found.class_names) == {-3: "soil", 4: "corn"}
    assert found.evaluated.tolist() == [[True, True, False], [False] * 3]
    (hidden,) = set(found.labels[~found.evaluated].tolist())
    assert hidden not in names


def test_chance_depends_on_the_seed_only():
    assert chance_of(3).random() == chance_of(3).random() != chance_of(4).random()
