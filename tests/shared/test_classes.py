import numpy as np

from experiments.shared import classes


def test_scores_by_counting():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(4, size=(2, 50))  # class 4 never occurs
    confusions = classes.confusion_matrix(true, predicted, 5)
    scores = classes.class_scores(confusions)
    for i in range(5):
        right = sum(t == p == i for t, p in zip(true, predicted))
        named, count = sum(predicted == i), sum(true == i)
        assert scores.count[i] == count
        assert scores.precision[i] == (right / named if named else 0)
        assert scores.recall[i] == (right / count if count else 0)
        f1 = 2 * right / (named + count) if right else 0
        np.testing.assert_allclose(scores.f1[i], f1)


def test_table_and_picture_name_every_class():
    confusions = np.array([[3, 1], [2, 14]])
    table = classes.scores_table(confusions, ["rare", "frequent"]).splitlines()
    assert [line.split()[0] for line in table[1:]] == ["frequent", "rare"]
    assert table[1].split()[1:] == ["0.933", "0.875", "0.903", "16"]
    (axes, _) = classes.plot_confusions(confusions, ["rare", "frequent"]).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["rare", "frequent"]
    assert [text.get_text() for text in axes.texts] == ["3", "1", "2", "14"]
