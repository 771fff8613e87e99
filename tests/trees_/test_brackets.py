"""Trees read from brackets and from nested tuples."""

import pytest

from rnnjax.trees import batch_trees, flatten_nested, parse_brackets


def as_text(tree, node=0):
    """Writes a tree as brackets again."""
    if tree.tokens[node] is not None:
        return f"({tree.labels[node]} {tree.tokens[node]})"
    children = [k for k, parent in enumerate(tree.parents) if parent == node]
    inner = " ".join(as_text(tree, child) for child in children)
    return f"({tree.labels[node]} {inner})"


@pytest.mark.parametrize(
    "text",
    [
        "(2 Good)",
        "(3 (2 It) (4 (2 's) (4 (3 very) (3 good))))",
        r"(2 (1 Singer\/composer) (1 (1 -LRB-) (0 ``) (1 ,)))",
        "(S (NP (PRP It)) (VP (VBZ is) (ADJP (JJ good))))",
        "(a é)",
    ],
)
def test_what_is_read_is_written_again(text):
    assert as_text(parse_brackets(text)) == text


def test_spaces_do_not_matter():
    plain = parse_brackets("(3 (2 It) (4 good))")
    assert parse_brackets(" ( 3(2\tIt)\n  (4 good ) )\n") == plain


def test_deep_trees_are_read():
    """Deeper than Python's recursion goes."""
    depth = 5000
    tree = parse_brackets("(1 " * depth + "x" + ")" * depth)
    assert tree.parents == (-1, *range(depth - 1))
    nested = "x"
    for _ in range(depth):
        nested = [nested]
    assert flatten_nested(nested)[0] == (-1, *range(depth))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"begin with '\('.*its end at position 0"),
        ("  \n", r"begin with '\('.*its end at position 3"),
        ("good", r"begin with '\('.*'good' at position 0"),
        (" )", r"begin with '\('.*'\)' at position 1"),
        ("(3 (2 It) (4 good)", "close its brackets, got its end at position 18"),
        ("(3 (2 It)) (4 good)", r"end after one tree, got '\(4' at position 11"),
        ("(3 It) good", "end after one tree, got 'good' at position 7"),
        ("(3 It))", r"end after one tree, got '\)' at position 6"),
        ("((2 It) (4 good))", r"have a label after '\('.*got '\(' at position 0"),
        ("(3 () (4 good))", r"have a label after '\('.*got '\(' at position 3"),
        ("(3 (2) (4 good))", r"a token or a bracket after a label.* at position 5"),
        ("(3 (2 It is))", "one token, or brackets,.*got 'is' at position 9"),
        ("(3 (2 It) is)", "one token, or brackets,.*got 'is' at position 10"),
        ("(3 It (2 is))", r"'\)' after a token, got '\(2' at position 6"),
    ],
)
def test_bad_text_is_refused_with_its_position(text, message):
    with pytest.raises(ValueError, match=f"text must .*{message}"):
        parse_brackets(text)


def test_nested_tuples_and_brackets_agree():
    tree = parse_brackets("(3 (2 It) (4 (2 's) (4 (3 very) (3 good))))")
    nested = flatten_nested(["It", ("'s", ["very", "good"])])
    assert nested == (tree.parents, tree.tokens)
    assert flatten_nested(7) == ((-1,), (7,))


@pytest.mark.parametrize("nested", [(), ("It", ("is", []))])
def test_empty_nodes_are_refused(nested):
    with pytest.raises(ValueError, match="nested must have no empty node, got"):
        flatten_nested(nested)


def test_a_tree_that_was_read_is_batched():
    tree = parse_brackets("(3 (2 It) (4 (3 very) (3 good)))")
    has_inputs = [token is not None for token in tree.tokens]
    trees = batch_trees([tree.parents], has_inputs=[has_inputs])
    assert trees.with_inputs.tolist() == [1, 3, 4]
    assert trees.sizes == (1, 5, 3, 3, 2, 1, 2)
