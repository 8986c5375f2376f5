"""The three tables are found under many names, and told apart by shape where names do not help."""

from __future__ import annotations

import pytest

from agent.analysis.files import find_files
from agent.errors import FilesError

TRAIN = "id,a,b,y\n1,2,3,0\n2,3,4,1\n3,5,6,1\n"
TEST = "id,a,b\n4,2,3\n5,3,4\n"
SAMPLE = "id,y\n4,0\n5,0\n"


def found(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    trio = find_files(folder)
    return trio.train.path, trio.test.path, trio.sample.path


@pytest.mark.parametrize(
    ("train", "test", "sample"),
    [
        ("train.csv", "test.csv", "gender_submission.csv"),
        ("train.tsv", "test.tsv", "sampleSubmission.csv"),
        ("Train_data.csv", "Test_data.csv", "SampleSubmission.csv"),
        ("data/training.csv", "data/testing.csv", "sample_submission_test.csv"),
        ("digitTrain.csv", "digitTest.csv", "benchmark.csv"),
        ("past.csv", "future.csv", "answers.csv"),
        ("latest.csv", "test.csv", "submission_format.csv"),
    ],
)
def test_many_names(tmp_path, train, test, sample):
    files = {train: TRAIN, test: TEST, sample: SAMPLE, ".hidden/train.csv": "x", "__MACOSX/train.csv": "x"}
    assert found(tmp_path, files) == (train, test, sample)


def test_shape_decides_among_several(tmp_path):
    files = {
        "train.csv": TRAIN,
        "train_extra.csv": "store,city\n1,x\n",
        "test.csv": TEST,
        "test_small.csv": "id,a,b\n4,2,3\n",
        "sample_submission.csv": SAMPLE,
        "sample_image.csv": "p,q\n1,2\n",
    }
    assert found(tmp_path, files) == ("train.csv", "test.csv", "sample_submission.csv")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"test.csv": TEST, "sample_submission.csv": SAMPLE}, "train_missing"),
        ({"train.csv": TRAIN, "sample_submission.csv": SAMPLE}, "test_missing"),
        ({"train.csv": TEST, "test.csv": TEST}, "sample_missing"),
        ({"train.csv": "", "test.csv": TEST, "sample_submission.csv": SAMPLE}, "table_empty"),
        ({"image.png": "x"}, "train_missing"),
    ],
)
def test_what_is_missing_is_said(tmp_path, files, reason):
    with pytest.raises(FilesError) as caught:
        found(tmp_path, files)
    assert caught.value.reason == reason


def test_no_folder(tmp_path):
    with pytest.raises(FilesError) as caught:
        find_files(tmp_path / "absent")
    assert caught.value.reason == "data_dir_missing"


def test_prose_is_no_table_and_several_texts_are_joined_under_their_names(tmp_path):
    files = {"train.csv": TRAIN, "test.csv": TEST, "sample_submission.csv": SAMPLE}
    found(tmp_path, {**files, "data_description.txt": "y, the target", "evaluation.md": "MAE."})
    description = find_files(tmp_path).description
    assert description is not None
    assert "# evaluation\n\nMAE." in description
    assert "y, the target" in description
