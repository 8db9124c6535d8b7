"""What people (or someone else) may put into a file: it is refused shortly, with its place, and never run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cells.description.cell import check_cell, load_cell
from cells.description.documents import MAX_BYTES, Document, parse_document, read_document
from cells.errors import InputError
from cells.orders.order import load_order

ORDER = """\
schema: cellwright/order/v1
id: A-1
customer: Ada
due: 2026-12-31
items:
  - {product: pegboard, quantity: 1, parameters: {pegs: 3}}
"""


def refusal(path: Path) -> str:
    """What a user reads when the order file is refused."""
    with pytest.raises(InputError) as caught:
        load_order(path)
    assert caught.value.exit_code == 2
    assert all(problem.remedy for problem in caught.value.problems)
    return str(caught.value)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "order.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_unspoilt_order_is_accepted(tmp_path: Path) -> None:
    assert load_order(written(tmp_path, ORDER)).items[0].parameters == {"pegs": 3}


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "none.yaml")
    assert "is a folder" in refusal(tmp_path)


def test_a_file_of_100_mb_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    assert "is too large (100,000,000 bytes" in refusal(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a POSIX thing")
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)
    assert "is not a regular file" in refusal(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless device here")
def test_an_endless_device_is_refused() -> None:
    assert "is not a regular file" in refusal(Path("/dev/zero"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ORDER)
    path.chmod(0)
    assert "can't be read: Permission denied" in refusal(path)


def test_broken_yaml_is_placed_by_line_and_column(tmp_path: Path) -> None:
    assert "order.yaml:3:" in refusal(written(tmp_path, "id: A\nitems: [1, 2\ndue: 3\n"))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    assert "is not UTF-8 text (byte 4)" in refusal(written(tmp_path, b"id: \xff\xfe\n"))


def test_a_tag_is_refused_and_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    text = ORDER.replace("Ada", f"!!python/object/apply:os.mkdir ['{trace}']")
    assert "order.yaml:customer: has the tag" in refusal(written(tmp_path, text))
    assert not trace.exists()


@pytest.mark.parametrize("tag", ["!!binary", "!!str", "!own", "!!set", "!!timestamp"])
def test_harmless_looking_tags_are_refused_too(tmp_path: Path, tag: str) -> None:
    assert "has the tag" in refusal(written(tmp_path, ORDER.replace("Ada", f"{tag} Ada")))


def test_an_anchor_bomb_is_refused_at_once(tmp_path: Path) -> None:
    levels = ["l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    levels += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    path = written(tmp_path, "\n".join(levels))
    message = refusal(path)
    assert "has the anchor &l0" in message and "uses the alias *l0" in message
    assert len(message) < 20_000


def test_merge_keys_have_no_meaning(tmp_path: Path) -> None:
    assert "order.yaml:<<: is an unknown key" in refusal(written(tmp_path, ORDER + "<<: {id: B}\n"))


def test_a_key_written_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, ORDER + "id: B-2\n"))
    assert "order.yaml:id: is written twice (again on line 7) (line 2)" in message


@pytest.mark.parametrize("number", [".nan", "nan", "NaN", ".inf", "-.inf", "inf", "1e999", "-1e400", "9" * 5000])
def test_numbers_that_are_not_finite_or_far_too_long_are_refused(tmp_path: Path, number: str) -> None:
    message = refusal(written(tmp_path, ORDER.replace("pegs: 3", f"pegs: {number}")))
    assert "order.yaml:items.0.parameters.pegs:" in message
    assert len(message) < 300


def test_deep_nesting_and_very_many_values_are_refused(tmp_path: Path) -> None:
    assert "levels deep" in refusal(written(tmp_path, "a: " + "[" * 100_000))
    assert "levels deep" in refusal(written(tmp_path, "- " * 100_000))
    assert "values" in refusal(written(tmp_path, "a: [" + "1," * 100_000 + "1]"))


def test_several_documents_in_one_file_are_refused(tmp_path: Path) -> None:
    assert "several documents" in refusal(written(tmp_path, ORDER + "---\n" + ORDER))


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null", "- 1", "just text", "42"])
def test_a_file_that_is_not_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert "write lines 'key: value'" in refusal(written(tmp_path, text))


def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, ORDER.replace("Ada", '"\\e[31mred"') + '"\\e]0;x": 1\n'))
    assert "\x1b" not in message and "\\x1b" in message


def test_words_and_dates_stay_text_and_numbers_numbers() -> None:
    data = parse_document(b"{a: no, b: 1:30, c: 2026-12-31, d: 010, e: 1e3, f: '7', g: true, h: ~, on: off}", "x").data
    assert data == {"a": "no", "b": "1:30", "c": "2026-12-31", "d": 10, "e": 1000.0, "f": "7",
                    "g": True, "h": None, "on": "off"}  # fmt: skip


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert load_order(written(tmp_path, b"\xef\xbb\xbf" + ORDER.encode())).id == "A-1"


@pytest.mark.parametrize("pattern", ["[", "{", "a: ", "- ", "? ", "'", '"', "\n", " ", "a: b\n", "[a,", "&a ", "# "])
def test_the_largest_file_of_any_pattern_is_refused_shortly(tmp_path: Path, pattern: str) -> None:
    assert len(refusal(written(tmp_path, (pattern * MAX_BYTES)[:MAX_BYTES]))) < 20_000


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["tray", "kind"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=400))
@example(b'a: "\\ud800"')
@example(b"\xef\xbb\xbf")
@example(b"? [a]\n: b\n? {c: d}\n")
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_bytes_give_data_or_an_input_error(raw: bytes) -> None:
    try:
        assert isinstance(parse_document(raw, "x"), Document)
    except InputError as error:
        assert error.problems


@given(st.dictionaries(st.sampled_from(["schema", "id", "due", "items", "customer", "preferences"]), VALUES))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_order_file_is_refused_by_an_input_error(tmp_path_factory: pytest.TempPathFactory, data: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any-order.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8", errors="replace")
    with pytest.raises(InputError):
        load_order(path)


CELL = read_document(Path(__file__).parents[2] / "cells/library/cells/panda-bench.yaml").data


@given(st.dictionaries(st.sampled_from([*CELL, "other"]), VALUES, min_size=1))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_change_of_a_cell_file_gives_a_cell_or_problems(
    tmp_path_factory: pytest.TempPathFactory, change: dict[str, object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-cell.yaml"
    path.write_text(yaml.safe_dump({**CELL, **change}, allow_unicode=True), encoding="utf-8", errors="replace")
    problems = check_cell(path)
    if problems:
        with pytest.raises(InputError):
            load_cell(path)
    assert all(problem.where.startswith(str(path)) for problem in problems)
