"""Files of tables: read in parts whatever writes them, written in order, and one clear line for what is no table."""

import numpy as np
import pandas as pd
import pytest

import zoo
from zoo.cli.main import main
from zoo.errors import ZooError
from zoo.modalities import table
from zoo.modalities.table.files import FrameWriter, is_table, open_stream, sample


def frame(n=40):
    r = np.random.default_rng(0)
    return pd.DataFrame(
        {"id": [f"r{i}" for i in range(n)], "size": r.normal(size=n).round(3), "color": r.choice(["red", "dark blue"], n)}
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a saved model of a table, and the table as files."""
    folder = tmp_path_factory.mktemp("tables")
    rows = frame()
    rows.loc[3, "size"] = None
    rows.loc[4, "color"] = None
    rows.to_csv(folder / "rows.csv", index=False)
    rows.to_parquet(folder / "rows.parquet", index=False)
    zoo.save(zoo.create("dae_mlp", modality=table.fit(folder / "rows.csv"), latent_dim=4), folder / "model")
    return folder


def read(path, batch_size=7):
    batches = list(open_stream(path, batch_size, "id"))
    return [i for ids, _ in batches for i in ids], pd.concat([rows for _, rows in batches])


@pytest.mark.parametrize(
    "kind, options",
    [
        ("commas", {}),
        ("semicolons", dict(sep=";", decimal=",")),
        ("tabs", dict(sep="\t")),
        ("bars", dict(sep="|")),
        ("mark", dict(encoding="utf-8-sig")),
        ("utf16", dict(encoding="utf-16")),
        ("windows", dict(lineterminator="\r\n", quoting=1)),
    ],
)
def test_text_from_every_program(tmp_path, kind, options):
    rows = frame().assign(color="dark, blue" if kind == "windows" else frame()["color"])
    rows.to_csv(tmp_path / "rows.csv", index=False, **options)
    ids, found = read(tmp_path / "rows.csv")
    assert ids == rows["id"].tolist() and list(found.columns) == list(rows.columns)
    np.testing.assert_array_equal(found["size"].astype(float), rows["size"])
    np.testing.assert_array_equal(found["color"], rows["color"])


def test_parts_of_a_file_are_the_whole(place):
    for name in ("rows.csv", "rows.parquet"):
        ids, rows = read(place / name)
        assert ids == [f"r{i}" for i in range(40)]
        np.testing.assert_array_equal(rows["size"].astype(float), pd.read_csv(place / "rows.csv")["size"])
    assert [ids for ids, _ in open_stream(place / "rows.csv", 30)][1] == [str(i) for i in range(30, 40)]


def test_a_sample_keeps_the_order(tmp_path):
    pd.DataFrame({"x": range(5000)}).to_csv(tmp_path / "rows.csv", index=False)
    found = sample(tmp_path / "rows.csv", 100)["x"].astype(int)
    assert len(found) == 100 and found.is_monotonic_increasing and 2000 < found.mean() < 3000
    assert len(sample(tmp_path / "rows.csv", 10_000)) == 5000


def test_what_is_no_table(tmp_path):
    def line(name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ZooError) as found:
            list(open_stream(tmp_path / name, 10))
        assert "\n" not in str(found.value)
        return str(found.value)

    assert "is empty, expected a header and rows" in line("empty.csv", b"")
    assert "is empty" in line("blank.csv", b"\n \n")
    assert "contains a header and no rows" in line("header.csv", b"a,b\n")
    assert "several columns called 'a'" in line("twice.csv", b"a,b,a\n1,2,3\n")
    assert "cannot be read as a table of text" in line("ragged.csv", b"a,b\n1,2\n1,2,3,4\n")
    assert "is not text" in line("binary.csv", b"\x00\x01\x02" * 100)
    assert "cannot be read as Parquet" in line("rows.parquet", b"not parquet")
    assert "expected the table of a file ending in .csv" in line("rows.xlsx", b"")
    with pytest.raises(ZooError, match="there is no file"):
        open_stream(tmp_path / "absent.csv", 10)


def test_commands_keep_rows_and_ids(place, tmp_path, capfd):
    def run(*argv):
        assert main([str(a) for a in argv]) == 0, capfd.readouterr().err
        return capfd.readouterr()

    expected = [f"r{i}" for i in range(40)]
    run("encode", place / "model", place / "rows.csv", "--output", tmp_path / "codes.csv")
    codes = pd.read_csv(tmp_path / "codes.csv")
    assert codes["id"].tolist() == expected
    model = zoo.load(place / "model")
    np.testing.assert_allclose(codes.iloc[:, 1:], model.encode(pd.read_csv(place / "rows.csv")), rtol=1e-3, atol=1e-4)
    run("score", place / "model", place / "rows.parquet", "--output", tmp_path / "scores.csv", "--batch-size", 16)
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert scores["id"].tolist() == expected
    np.testing.assert_allclose(scores["score"], model.anomaly_score(pd.read_csv(place / "rows.csv")), rtol=1e-3)
    run("reconstruct", place / "model", place / "rows.csv", "--output", tmp_path / "filled.csv", "--only-gaps")
    filled, given = pd.read_csv(tmp_path / "filled.csv"), pd.read_csv(place / "rows.csv")
    assert filled["id"].tolist() == expected and not filled.isna().any().any()
    pd.testing.assert_frame_equal(filled.iloc[5:], given.iloc[5:])
    run("reconstruct", place / "model", place / "rows.csv", "--output", tmp_path / "made.parquet")
    assert list(pd.read_parquet(tmp_path / "made.parquet").columns) == ["id", "size", "color"]


def test_commands_say_what_does_not_fit(place, tmp_path, capfd):
    def line(*argv):
        capfd.readouterr()
        assert main([str(a) for a in argv]) == 2
        err = capfd.readouterr().err.strip()
        assert "\n" not in err and "Traceback" not in err
        return err

    output = ("--output", tmp_path / "out.csv")
    (tmp_path / "other.csv").write_text("sizes,color\n1,red\n")
    assert "lacks the column 'size'" in line("encode", place / "model", tmp_path / "other.csv", *output)
    assert "Did you mean 'sizes'" in line("score", place / "model", tmp_path / "other.csv", *output)
    assert "there is no file" in line("encode", place / "model", tmp_path / "absent.csv", *output)
    assert "expected the table of a file ending in" in line("encode", place / "model", place, *output)
    assert "setting for image files" in line("encode", place / "model", place / "rows.csv", "--resize", *output)
    assert "ending in .csv or .parquet" in line(
        "reconstruct", place / "model", place / "rows.csv", "--output", tmp_path / "x.png"
    )
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.slow
def test_a_model_is_made_from_a_file_and_trained_further(place, tmp_path, capfd):
    assert main(["finetune", "dae_mlp", "--data", str(place / "rows.csv"), "--output", str(tmp_path / "a"), "--epochs", "2"]) == 0
    data = ["--data", str(place / "rows.csv"), "--epochs", "1"]
    assert main(["finetune", str(tmp_path / "a" / "model"), *data, "--output", str(tmp_path / "b")]) == 0
    assert main(["finetune", "ae_mlp", *data, "--classes", "color", "--output", str(tmp_path / "c")]) == 2
    assert "lacks 1 of 40 classes" in capfd.readouterr().err
    frame().to_csv(tmp_path / "whole.csv", index=False)
    data = ["--data", str(tmp_path / "whole.csv"), "--epochs", "1", "--classes", "color"]
    assert main(["finetune", "ae_mlp", *data, "--output", str(tmp_path / "d")]) == 0
    classifier = zoo.load(tmp_path / "d" / "model")
    assert classifier.classes == ["dark blue", "red"] and classifier.classify(frame()).shape == (40, 2)


def test_a_writer_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError), FrameWriter(tmp_path / "rows.csv") as writer:
        writer.write(pd.DataFrame({"a": [1]}), ["0"])
        raise RuntimeError
    with pytest.raises(ZooError, match="no rows"), FrameWriter(tmp_path / "rows.csv"):
        pass
    assert list(tmp_path.iterdir()) == []
    assert is_table(tmp_path / "rows.csv") and not is_table("mnist") and not is_table("rows.npy")
