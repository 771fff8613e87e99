"""Trees read from brackets and from nested tuples."""

import gzip

import pytest

from rnnjax.trees import (
    flatten_nested,
    parse_brackets,
    parse_tree_bank,
    read_tree_bank,
    unescape_token,
)


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
        ("(3 (2 It)) (4 good)", r"end after one tree, got '\(' at position 11"),
        ("(3 It) good", "end after one tree, got 'good' at position 7"),
        ("(3 It))", r"end after one tree, got '\)' at position 6"),
        ("(3 () (4 good))", r"have a label, .* after '\(', got '\(' at position 3"),
        ("(word)", r"a token or a bracket after a label, got '\)' at position 5"),
        ("(3 (4 good) (2))", r"a token or a bracket after a label.* at position 14"),
        ("(3\n (2 It)\n (4 good)))", r"end after one.* at position 21 \(line 3\)"),
        ("(3 (2) (4 good))", r"a token or a bracket after a label.* at position 5"),
        ("(3 (2 It is))", "one token, or brackets,.*got 'is' at position 9"),
        ("(3 (2 It) is)", "one token, or brackets,.*got 'is' at position 10"),
        ("(3 It (2 is))", r"'\)' after a token, got '\(' at position 6"),
    ],
)
def test_bad_text_is_refused_with_its_position(text, message):
    with pytest.raises(ValueError, match=f"text must .*{message}"):
        parse_brackets(text)


AS_WRITTEN = {
    "unlabelled top": "( (S (NP (PRP It)) (VP (VBZ rains))) )",
    "tokens in brackets": "(S (NP (PRP (It))) (VP (VBZ (rains))))",
    "spaces": " ( S(NP (PRP\tIt))\n  (VP (VBZ rains ) ) )\n",
    "several lines": "(S (NP\n\t(PRP It))\r\n  (VP (VBZ rains)\n  )\n)",
    "all": "((S (NP (PRP\n(It)))(VP(VBZ (rains)))))",
}


@pytest.mark.parametrize("text", AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_ways_of_writing_one_tree(text):
    plain = parse_brackets("(S (NP (PRP It)) (VP (VBZ rains)))")
    assert parse_brackets(text) == plain
    assert parse_tree_bank(f"{text}\n\n{text} {text}") == [plain] * 3


def test_nodes_without_labels_are_kept_within_a_tree():
    tree = parse_brackets("(S ((PRP It) (VBZ rains)) (. .))")
    assert tree.labels == ("S", "", "PRP", "VBZ", ".")
    assert tree.parents == (-1, 0, 1, 1, 0)
    several = parse_brackets("( (S (VB Stop)) (. !))")
    assert several.labels == ("", "S", "VB", ".")
    assert several.parents == (-1, 0, 1, 0)


def test_words_are_leaves_where_nothing_is_labelled():
    tree = parse_brackets("( ( A man ) ( sleeps . ) )", labelled=False)
    assert tree.labels == ("",) * 7
    assert tree.tokens == (None, None, "A", "man", None, "sleeps", ".")
    assert tree.parents == (-1, 0, 1, 1, 0, 4, 4)
    assert parse_tree_bank("((a))", labelled=False)[0].parents == (-1, 0, 1)


def test_lines_between_trees_are_skipped_but_not_within():
    text = "*x*x* (not a tree\n<S ID=1>\n(S (SYM\n*)\n(SYM <))\n</S>\n* end"
    (tree,) = parse_tree_bank(text)
    assert tree.tokens == (None, "*", "<")
    assert parse_tree_bank("\n") == []


def test_what_stands_between_trees_is_refused_with_its_line():
    with pytest.raises(ValueError, match=r"begin with '\('.*'word' at .* \(line 2\)"):
        parse_tree_bank("(S (VB Stop))\nword")
    with pytest.raises(ValueError, match=r"close its brackets.* at .* \(line 3\)"):
        parse_tree_bank("(S (VB Stop))\n((S\n")


def test_tokens_are_unescaped():
    escaped = ["-LRB-", "-RCB-", r"and\/or", r"\*\*", "-lrb-"]
    assert [*map(unescape_token, escaped)] == ["(", "}", "and/or", "**", "-lrb-"]


def test_files_and_folders_are_read(tmp_path):
    stop, go = "((S (VB Stop)))", "(S (VB Go))\n(S (VB On))"
    (tmp_path / "01").mkdir()
    (tmp_path / "01" / "wsj_0101.mrg").write_text(go)
    (tmp_path / "wsj_0001.mrg").write_bytes(b"\xef\xbb\xbf" + stop.encode())
    (tmp_path / "readme.txt").write_text("no trees")
    trees = [tree.tokens[-1] for tree in read_tree_bank(tmp_path)]
    assert trees == ["Go", "On", "Stop"]
    (tmp_path / "trees.txt.gz").write_bytes(gzip.compress(go.encode()))
    assert len(list(read_tree_bank(tmp_path / "trees.txt.gz"))) == 2
    assert len(list(read_tree_bank(tmp_path, suffix=".txt.gz"))) == 2


def test_bad_files_are_named_with_the_line(tmp_path):
    bad = tmp_path / "bad.mrg"
    bad.write_text("(S (VB Go))\n\n(S (VB Go)")
    with pytest.raises(ValueError, match=r"bad\.mrg: text must close .* \(line 3\)"):
        list(read_tree_bank(tmp_path))
    bad.write_bytes(b"(S (VB \xff))")
    with pytest.raises(ValueError, match=r"bad\.mrg: 'utf-8' codec can't decode"):
        list(read_tree_bank(bad))
    bad.with_name("cut.gz").write_bytes(gzip.compress(b"(S (VB Go))")[:-4])
    with pytest.raises(ValueError, match=r"cut\.gz: "):
        list(read_tree_bank(tmp_path / "cut.gz"))
    with pytest.raises(ValueError, match=r"must hold files \*\.ptb, got none"):
        list(read_tree_bank(tmp_path, suffix=".ptb"))


def test_nested_tuples_and_brackets_agree():
    tree = parse_brackets("(3 (2 It) (4 (2 's) (4 (3 very) (3 good))))")
    nested = flatten_nested(["It", ("'s", ["very", "good"])])
    assert nested == (tree.parents, tree.tokens)
    assert flatten_nested(7) == ((-1,), (7,))
    for empty in ((), ("It", ("is", []))):
        with pytest.raises(ValueError, match="nested must have no empty node, got"):
            flatten_nested(empty)
