"""Words that the command doesn't know, or that want more words."""

from tests.conftest import Cellwright


def test_a_noun_alone_shows_its_verbs(cellwright: Cellwright) -> None:
    done = cellwright("journal")
    assert done.returncode == 2
    assert "verify" in done.stderr
    assert not done.stdout


def test_wrong_words_are_wrong_use(cellwright: Cellwright) -> None:
    for words in (["fly"], ["run"], ["cell", "show", "panda-bench", "--wings"], ["run", "x.yaml", "--seed", "many"]):
        done = cellwright(*words)
        assert done.returncode == 2, words
        assert "--help" in done.stderr
        assert "Traceback" not in done.stderr
