"""Words that the command doesn't know, or that want more words."""

from pathlib import Path

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


def test_the_version_is_printed_whatever_follows(cellwright: Cellwright) -> None:
    done = cellwright("--version", "stop")
    assert done.returncode == 0
    assert done.stdout.startswith("cellwright ")


def test_every_command_is_told_in_one_whole_line(cellwright: Cellwright) -> None:
    for words in ([], ["cell"], ["product"], ["stock"], ["journal"], ["passport"], ["hw"], ["hw", "interfaces"]):
        told = cellwright(*words, "--help").stdout.partition("Commands:")[2]
        assert told
        assert "..." not in told


def test_a_part_that_nobody_knows_is_not_stocked(cellwright: Cellwright) -> None:
    done = cellwright("stock", "load", "L-1", "gear", 5)
    assert done.returncode == 2
    assert "use one of peg, plate" in done.stderr


def test_control_characters_of_a_file_are_not_sent_to_the_terminal(cellwright: Cellwright, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"submodels": [{"modelType": "\\u001b[31mX"}]}', encoding="utf-8")
    done = cellwright("passport", "show", path)
    assert done.returncode == 2
    assert "\\x1b" in done.stderr
    assert "\x1b" not in done.stderr
