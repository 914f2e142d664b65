"""Words become numbers from whichever file a folder has, without writing into it."""

import gzip
import json

import pytest

from napari_sam3_assistant.core.errors import ModelFolderError
from napari_sam3_assistant.engines.weights import tokenizer
from tests.engines.weights import small

LINES = "#version: 0.2\n" + "\n".join(small.merges()) + "\n"


@pytest.mark.parametrize("name", tokenizer.MERGE_FILES)
def test_merges_alone_make_the_vocabulary(tmp_path, name):
    text = LINES.encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)

    bpe = tokenizer.read_bpe(tmp_path, small.TOKENS)

    assert tokenizer.check(tmp_path, small.TOKENS) == name
    assert bpe.vocabulary == small.vocabulary()
    assert bpe.merges == [tuple(line.split()) for line in small.merges()]


def test_numbers_are_those_of_clip():
    letters = tokenizer.letters()

    assert len(set(letters)) == 256
    assert letters[0] == "!" and letters[64] == "a" and letters[188:190] == ["Ā", "ā"]


def test_merges_that_meta_s_file_has_beyond_are_left_out(tmp_path):
    (tmp_path / "merges.txt").write_text(LINES + "z z\nq q\n")

    assert len(tokenizer.read_bpe(tmp_path, small.TOKENS).vocabulary) == small.TOKENS


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("merges.txt", b"#version\ni n\n", "1 merges"),
        ("merges.txt", b"#version\na b c\n", "damaged"),
        ("merges.txt", b"\xff\xfe\x00", "no text"),
        ("merges.txt", b"", "0 merges"),
        ("merges.txt.gz", gzip.compress(LINES.encode() * 100)[:40], "half downloaded"),
        ("merges.txt.gz", b"not packed", "half downloaded"),
        ("tokenizer.json", b"{}", "no vocabulary"),
        ("tokenizer.json", b'{"model": {"vo', "no JSON"),
        ("tokenizer.json", b'{"model": {"vocab": {"a": 0}}}', "1 tokens"),
    ],
)
def test_a_damaged_file_is_told(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelFolderError, match=says) as caught:
        tokenizer.check(tmp_path, small.TOKENS)

    assert caught.value.hint


def test_a_vocabulary_of_other_merges_is_told(tmp_path):
    (tmp_path / "merges.txt").write_text(LINES)
    (tmp_path / "vocab.json").write_text(json.dumps(small.vocabulary()))
    assert tokenizer.check(tmp_path, small.TOKENS) == "merges.txt"

    (tmp_path / "vocab.json").write_text("{}")
    with pytest.raises(ModelFolderError, match="do not belong together"):
        tokenizer.check(tmp_path, small.TOKENS)


def test_without_any_file_there_is_none(tmp_path):
    assert tokenizer.check(tmp_path) == ""


PHRASES = ["nucleus", "A thin, in-an THE thing", "Zellkern größer", "細胞", "🔬 an", "", "x" * 10_000]


def test_merges_give_the_numbers_that_tokenizer_json_gives(tmp_path):
    transformers = pytest.importorskip("transformers")
    merges = [tuple(line.split()) for line in small.merges()]
    made = transformers.CLIPTokenizer(vocab=small.vocabulary(), merges=merges, model_max_length=32)
    made.save_pretrained(tmp_path / "ready")
    (tmp_path / "merged").mkdir()
    (tmp_path / "merged" / "merges.txt").write_text(LINES)

    ready, merged = (tokenizer.load(tmp_path / name, small.TOKENS) for name in ("ready", "merged"))

    for phrase in PHRASES:
        one, other = (t(phrase, padding="max_length", max_length=32, truncation=True) for t in (ready, merged))
        assert one == other
    assert [one.name for one in (tmp_path / "merged").iterdir()] == ["merges.txt"]


def test_the_files_of_a_copy_give_the_same_numbers(tmp_path):
    transformers = pytest.importorskip("transformers")
    (tmp_path / "merges.txt").write_text(LINES)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, content in tokenizer.files_for(tmp_path, small.TOKENS):
        (copy / name).write_bytes(content)

    ours = tokenizer.load(tmp_path, small.TOKENS)
    theirs = transformers.CLIPTokenizer.from_pretrained(copy, local_files_only=True)

    for phrase in PHRASES:
        options = {"padding": "max_length", "max_length": 32, "truncation": True}
        assert ours(phrase, **options) == theirs(phrase, **options)


def test_no_tokenizer_is_an_error_only_where_one_is_loaded(tmp_path):
    pytest.importorskip("transformers")

    with pytest.raises(ModelFolderError, match="no tokenizer"):
        tokenizer.load(tmp_path)
