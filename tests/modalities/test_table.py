"""Tables: columns of every kind, gaps, what is learned from them and travels with a model, and rows that do not fit."""

import json
import warnings

import keras
import numpy as np
import pandas as pd
import pytest

import zoo
from zoo.errors import ZooError, ZooWarning
from zoo.modalities import table
from zoo.modalities.modality import get, modality_of
from zoo.modalities.table.corruption import ColumnMasking, NumberNoise
from zoo.modalities.table.loss import TableLoss
from zoo.modalities.table.scaling import TableScaling

OPTIONS = dict(latent_dim=8, hidden=(16,))


def people(n=120, seed=0):
    """A frame with every kind of column, and gaps in all of them but the ids."""
    r = np.random.default_rng(seed)
    age = r.normal(40, 10, n).round()
    frame = pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(n)],
            "age": age,
            "income": np.exp(10 + 0.05 * age + r.normal(0, 1, n)),
            "city": np.where(age > 40, "Ulm", r.choice(["Bonn", "Kiel"], n)),
            "member": r.random(n) < 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(r.integers(0, 1000, n), "D"),
            "constant": 3.0,
        }
    )
    frame["member"] = frame["member"].astype("boolean")
    for place, name in enumerate(("age", "income", "city", "member", "since", "constant")):
        frame.loc[place, name] = None
    return frame


@pytest.fixture(scope="module")
def fitted():
    with pytest.warns(ZooWarning, match="'id' .its values identify the rows"):
        return table.fit(people())


@pytest.fixture(scope="module")
def trained(fitted):
    keras.utils.set_random_seed(0)
    model = zoo.create("dae", backbone="mlp", modality=fitted, **OPTIONS)
    model.compile(keras.optimizers.Adam(1e-2))
    model.loss_curve = model.fit(people(), epochs=30, batch_size=24, verbose=0).history["loss"]
    return model


def test_the_kinds_of_columns(fitted):
    assert {c.name: c.kind for c in fitted.columns} == {
        "age": "number",
        "income": "number",
        "city": "category",
        "member": "boolean",
        "since": "date",
        "constant": "number",
    }
    assert fitted.ids == "id"
    assert fitted.columns[2].categories == ("Bonn", "Kiel", "Ulm")


def test_the_spec_is_plain_data_that_rebuilds_the_table(fitted):
    spec = json.loads(json.dumps(fitted.spec()))
    assert get(spec).columns == fitted.columns and get(spec).ids == "id"
    assert modality_of({"modality": spec}).data_shape(None) == (6,)
    with pytest.raises(ZooError, match="Did you mean 'table'"):
        get({"name": "tabel"})


def test_a_model_learns_a_table_and_gives_frames(trained):
    frame = people(seed=1)
    assert trained.loss_curve[-1] < trained.loss_curve[0] - 1
    assert trained.input_shape == (None, 6)
    made = trained.reconstruct(frame)
    assert list(made.columns) == ["age", "income", "city", "member", "since", "constant"]
    assert made.index.equals(frame.index) and not made.isna().any().any()
    assert made["since"].dtype.kind == "M" and set(made["city"]) <= {"Bonn", "Kiel", "Ulm"}
    known = frame["city"].notna() & frame["age"].notna()
    # Who is older than 40 lives in Ulm, which a model must have learned to tell it from the other columns.
    hidden = frame.assign(city=None)
    guessed = trained.reconstruct(hidden)["city"]
    assert np.mean((guessed == "Ulm")[known] == (frame["age"] > 40)[known]) > 0.7


def test_gaps_are_filled_and_the_rest_is_kept(trained):
    frame = people(seed=1)
    filled = trained.modality.fill(trained.reconstruct(trained.modality.check(frame)), frame)
    assert not filled.isna().any().any()
    pd.testing.assert_frame_equal(filled.iloc[10:], frame.iloc[10:], check_dtype=False)


@pytest.mark.parametrize("way", ["folder", "keras"])
def test_what_was_fitted_travels_with_the_model(trained, tmp_path, way):
    frame, expected = people(seed=2), trained.encode(people(seed=2))
    if way == "folder":
        zoo.save(trained, tmp_path / "people")
        loaded = zoo.load(tmp_path / "people")
    else:
        trained.save(tmp_path / "people.keras")
        loaded = keras.saving.load_model(tmp_path / "people.keras")
    np.testing.assert_allclose(loaded.encode(frame), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(loaded.anomaly_score(frame), trained.anomaly_score(frame), rtol=1e-5)
    pd.testing.assert_frame_equal(loaded.reconstruct(frame), trained.reconstruct(frame))


def test_columns_are_matched_by_name(trained):
    frame = people()
    mixed = frame.assign(more=1)[["since", "more", "constant", "member", "age", "city", "income", "id"]]
    np.testing.assert_array_equal(trained.encode(mixed), trained.encode(frame))
    mapping = {name: frame[name].tolist() for name in frame}
    np.testing.assert_allclose(trained.encode(mapping), trained.encode(frame), rtol=1e-5, atol=1e-6)
    with pytest.raises(ZooError, match="lacks the column 'age', which the model was trained with. Did you mean 'Age'"):
        trained.encode(frame.rename(columns={"age": "Age"}))
    with pytest.raises(ZooError, match="lacks the column 'age' and 1 more"):
        trained.encode(frame.drop(columns=["age", "city"]))


def test_rows_of_another_type_are_refused_or_read(trained):
    frame = people()
    with pytest.raises(ZooError, match="the column 'age' contains 'old', expected finite numbers"):
        trained.encode(frame.assign(age="old"))
    with pytest.raises(ZooError, match="the column 'since' contains 'soon', expected dates"):
        trained.encode(frame.assign(since="soon"))
    with pytest.raises(ZooError, match="the column 'member' contains 'perhaps', expected true or false"):
        trained.encode(frame.assign(member="perhaps"))
    texts = frame.assign(age=frame["age"].map(lambda a: None if pd.isna(a) else f"{a:g}"), member=frame["member"].astype(str))
    texts.loc[frame["member"].isna(), "member"] = None
    texts["since"] = frame["since"].dt.strftime("%Y-%m-%d")
    np.testing.assert_allclose(trained.encode(texts), trained.encode(frame), rtol=1e-5, atol=1e-6)
    one = frame.astype({"age": object})
    one.loc[50, "age"] = "forty"
    with pytest.warns(ZooWarning, match="1 of 119 values that are not finite numbers, such as 'forty'; they are treated"):
        coded = trained.encode(one)
    expected = frame.copy()
    expected.loc[50, "age"] = np.nan
    np.testing.assert_array_equal(coded, trained.encode(expected))


def test_unknown_categories_have_a_slot_of_their_own(trained):
    frame = people()
    inputs = np.asarray(trained.modality.to_input(trained.modality.check(frame.assign(city="Rome")), "float32"))
    # Four numbers and dates with their flags, then the slots of the city.
    assert inputs[:, 8:12].tolist() == [[0, 0, 0, 1]] * len(frame)
    missing = np.asarray(trained.modality.to_input(trained.modality.check(frame.assign(city=None)), "float32"))
    assert not missing[:, 8:12].any()
    assert np.abs(trained.encode(frame.assign(city="Rome")) - trained.encode(frame.assign(city=None))).max() > 1e-3


def test_the_encoder_is_told_what_is_missing_and_the_loss_skips_it(fitted, trained):
    raw = trained.modality.check(people())
    other = raw.copy()
    inputs, n = np.asarray(trained.modality.to_input(raw, "float32")), 4
    assert inputs[0, n] == 1 and inputs[0, 0] == 0 and inputs[:, n].sum() == 1
    loss = trained.reconstruction_loss
    outputs = np.asarray(trained.decoder.outputs(trained.code(raw), raw), np.float32)
    by_column = np.asarray(loss.by_column(inputs, outputs))
    np.testing.assert_allclose(np.asarray(loss.call(inputs, outputs)), by_column.sum(axis=1), rtol=1e-5)
    for row, column in zip(range(6), (0, 1, 4, 5, 2, 3)):  # numbers first, then categories
        assert by_column[row, column] == 0 and np.all(np.delete(by_column[row], column) != 0)
        other[row, [0, 1, 4, 5, 2, 3].index(column)] = np.nan
    assert np.isfinite(trained.anomaly_score(np.full_like(raw[:3], np.nan))).all()


def test_the_loss_is_the_likelihood_of_each_kind_of_column():
    loss = TableLoss(1, [3], sigma=0.5)
    x = np.array([[0.3, 0, 0, 1, 0]], np.float32)
    outputs = np.array([[0.1, 1.0, 2.0, -1.0]], np.float32)
    gaussian = 0.5 * (0.2 / 0.5) ** 2 + np.log(0.5 * np.sqrt(2 * np.pi))
    logits = 30 * np.tanh(outputs[0, 1:] / 30)
    entropy = -np.log(np.exp(logits[1]) / np.exp(logits).sum())
    np.testing.assert_allclose(np.asarray(loss.by_column(x, outputs))[0], [gaussian, entropy], rtol=1e-5)


def test_scaling_is_undone():
    layer = TableScaling([0, 2], {1: 3})
    layer.build()
    layer.center.assign([5.0, -1.0])
    layer.scale.assign([2.0, 1e6])
    raw = np.array([[5.0, 1, -1.0], [7e4, 0, 9e7], [-1e3, 1, 2.0]], np.float32)
    inputs = np.asarray(layer(raw))
    assert np.abs(inputs[:, :2]).max() < 40, "heavy tails are logarithmic"
    assert inputs[0].tolist() == [0, 0, 0, 0, 0, 1, 0]
    outputs = np.concatenate([inputs[:, :2], inputs[:, 4:]], axis=1)
    np.testing.assert_allclose(np.asarray(layer.restore(outputs)), raw, rtol=1e-3, atol=1)


def test_columns_are_hidden_whole():
    keras.utils.set_random_seed(0)
    x = np.tile(np.array([[1.0, 2.0, 0, 0, 0, 1, 0, 1, 0]], np.float32), (500, 1))
    seen = np.asarray(ColumnMasking(0.5, 2, [3, 2])(x, training=True))
    hidden = seen[:, 2:4] == 1
    assert abs(hidden.mean() - 0.5) < 0.1
    np.testing.assert_array_equal(seen[:, :2], np.where(hidden, 0, x[:, :2]))
    for slots, true in ((seen[:, 4:7], x[:, 4:7]), (seen[:, 7:], x[:, 7:])):
        kept = slots.any(axis=1)
        assert 0.4 < kept.mean() < 0.6
        np.testing.assert_array_equal(slots, true * kept[:, None])
    noisy = np.asarray(NumberNoise(0.5, 2)(x, training=True))
    assert abs((noisy[:, :2] - x[:, :2]).std() - 0.5) < 0.05
    np.testing.assert_array_equal(noisy[:, 2:], x[:, 2:])


@pytest.mark.parametrize("name", ["ae_mlp", "vae_mlp", "iwae_mlp", "contractive_mlp", "wae_mmd_mlp"])
def test_variants_on_tables(fitted, name):
    model = zoo.create(name, modality=fitted, latent_dim=4)
    history = model.fit(people(), epochs=1, batch_size=40, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert model.encode(people()).shape[0] == 120


def test_two_models_of_one_table_do_not_share_what_was_fitted(fitted):
    one, other = (zoo.create("ae_mlp", modality=fitted, **OPTIONS) for _ in range(2))
    one.encoder.scaling.center.assign([9.0, 9.0, 9.0, 9.0])
    assert not np.allclose(other.encoder.scaling.center, 9)


def test_arrays_are_tables_without_names():
    x = np.random.default_rng(0).normal(size=(50, 3)) * [1, 1e3, 1e-3] + [1e9, 0, 0]
    x[4, 1] = np.nan
    model = zoo.create("ae_mlp", modality=table.fit(x), **OPTIONS)
    assert model.encode(x).shape == (50, 8)
    assert isinstance(model.reconstruct(x), np.ndarray) and np.isfinite(model.reconstruct(x)).all()
    with pytest.raises(ZooError, match=r"got an array of shape \(50, 2\), expected a table \(N, 3\)"):
        model.encode(x[:, :2])
    with pytest.raises(ZooError, match="Add the batch axis"):
        model.encode(x[0])


def test_a_column_far_from_zero_keeps_its_digits():
    x = pd.DataFrame({"time": 1_700_000_000 + np.arange(100.0), "other": np.arange(100.0) % 7})
    fitted = table.fit(x)
    raw = fitted.check(x)
    np.testing.assert_array_equal(np.diff(raw[:, 0]), 1)
    np.testing.assert_array_equal(fitted.returned(raw, x)["time"], x["time"])


def test_what_does_not_suit_a_table(fitted):
    with pytest.raises(ZooError, match="got loss='mse' for a table, whose loss depends on the kind of each column; omit it"):
        zoo.create("ae_mlp", modality=fitted, loss="mse")
    with pytest.raises(ZooError, match="input_shape=.* for a table, which decides it itself"):
        zoo.create("ae_mlp", modality=fitted, input_shape=(3,))
    with pytest.raises(ZooError, match="SaltAndPepperNoise for a table, expected noise='masking' or 'gaussian'"):
        zoo.create("dae_mlp", modality=fitted, noise="salt_and_pepper")


def test_tables_that_teach_nothing():
    with pytest.raises(ZooError, match="2 columns and no rows"):
        table.fit(pd.DataFrame({"a": [], "b": []}))
    with pytest.raises(ZooError, match="no column to learn from: 'a' .it has no values"):
        table.fit(pd.DataFrame({"a": [None, None]}))
    with pytest.raises(ZooError, match="several columns called 'a'"):
        table.fit(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(ZooError, match="no column 'lable'. Did you mean 'label'"):
        table.fit(pd.DataFrame({"label": [1, 2], "x": [1, 2]}), ignore=["lable"])


def test_a_table_with_everything_wrong():
    n = 60
    r = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "big": [2**63, *range(n - 1)],
            "huge": [10**400, *range(n - 1)],
            "infinite": [np.inf, *r.normal(size=n - 1)],
            "mixed": ["a row of text", *map(str, range(n - 1))],
            "nested": [[1, 2], *range(n - 1)],
            "empty": [None] * n,
            "spaces ": r.normal(size=n),
            "": r.choice(["x", "y"], n),
            3: r.normal(size=n),
            "words": [f"comment number {i}" for i in range(n)],
            "tiny": r.normal(size=n) * 1e-30,
        }
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = zoo.create("dae_mlp", modality=table.fit(frame), **OPTIONS)
        codes = model.encode(frame)
    assert np.isfinite(codes).all() and np.isfinite(model.anomaly_score(frame)).all()
    assert any("'a row of text'" in str(w.message) for w in said)
    assert "words" not in {c.name for c in model.modality.columns}


def test_ten_thousand_columns():
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 10_000)).astype("float32"))
    model = zoo.create("ae_mlp", modality=table.fit(x), latent_dim=4, hidden=(8,))
    assert model.encode(x).shape == (20, 4)


def test_the_preprocessing_is_inside_the_exported_graph(trained, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    zoo.export(trained, tmp_path / "people.onnx", "onnx")
    raw = trained.modality.check(people())
    session = onnxruntime.InferenceSession(str(tmp_path / "people.onnx"))
    codes = session.run(None, {session.get_inputs()[0].name: raw})[0]
    np.testing.assert_allclose(codes, trained.encode(people()), rtol=1e-4, atol=1e-5)


def test_polars_in_polars_out(trained):
    polars = pytest.importorskip("polars")
    frame = polars.from_pandas(people())
    np.testing.assert_allclose(trained.encode(frame), trained.encode(people()), rtol=1e-5, atol=1e-6)
    assert isinstance(trained.reconstruct(frame), polars.DataFrame)
