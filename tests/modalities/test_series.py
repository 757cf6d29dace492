"""Time series: windows, the regular grid, gaps, and the model's own scale."""

import numpy as np
import pytest

import zoo
from zoo.errors import ZooError, ZooWarning
from zoo.modalities.series import fit
from zoo.modalities.series.windows import merged, trailing, windows

pandas = pytest.importorskip("pandas")


def waves(steps=200, channels=2):
    noise = np.random.default_rng(0).normal(size=(steps, channels))
    return np.sin(np.arange(steps) / 5)[:, None] * np.arange(1, channels + 1) + 100 + 0.1 * noise


def frame(times, **channels):
    return pandas.DataFrame({"time": times, **channels})


@pytest.mark.parametrize("steps, length, stride", [(50, 8, 3), (8, 8, 1), (5, 8, 2), (50, 8, 8)])
def test_every_step_is_in_a_window_and_comes_back_from_them(steps, length, stride):
    x = np.arange(2.0 * steps).reshape(steps, 2)
    found = windows(x, length, stride)
    assert found.shape[1:] == (length, 2)
    np.testing.assert_array_equal(merged(found, steps, stride), x)


def test_trailing_windows_end_with_their_step():
    x = np.arange(10.0)[:, None]
    found = trailing(x, 4)
    np.testing.assert_array_equal(found[:, -1], x)
    np.testing.assert_array_equal(found[5, :, 0], [2, 3, 4, 5])
    assert np.isnan(found[0, :3]).all()


def test_irregular_times_become_a_regular_grid_whose_gaps_are_missing():
    series = fit(frame([0, 10, 20, 30, 60, 71], a=[1.0, 2, 3, 4, 7, 8]), length=4)
    steps = series.steps(frame([0, 10, 20, 30, 60, 71], a=[1.0, 2, 3, 4, 7, 8]))
    assert series.rate == 10
    np.testing.assert_array_equal(steps.values[:, 0], [1, 2, 3, 4, np.nan, np.nan, 7, 8])
    np.testing.assert_array_equal(steps.places, [0, 1, 2, 3, 6, 7])


def test_rows_out_of_order_are_sorted_and_repeated_times_averaged_with_a_warning():
    times = pandas.to_datetime(["2024-01-01 00:02", "2024-01-01 00:00", "2024-01-01 00:01", "2024-01-01 00:01"])
    with pytest.warns(ZooWarning) as told:
        steps = fit(frame([0, 60, 120], a=[1.0, 2, 3]), length=2, time="time").steps(frame(times, a=[3.0, 1, 1, 3]))
    assert {"earlier", "repeat"} <= {word for one in told for word in str(one.message).split()}
    np.testing.assert_array_equal(steps.values[:, 0], [1, 2, 3])


def test_times_that_span_far_more_steps_than_rows_are_rejected():
    series = fit(frame([0, 1, 2], a=[1.0, 2, 3]), length=2)
    with pytest.raises(ZooError, match="span"):
        series.steps(frame([0, 1, 1e12], a=[1.0, 2, 3]))


@pytest.mark.parametrize(
    "x, message",
    [
        (np.zeros((0, 1)), "shape"),
        (np.zeros((1, 1)), "at least two"),
        (np.array(["a", "b"]), "numbers"),
        (pandas.DataFrame({"time": [], "a": []}), "no rows"),
        (pandas.DataFrame({"time": ["x", "y"], "a": [1, 2]}), "row 1"),
        (pandas.DataFrame({"time": [0, 1], "a": ["x", "y"]}), "no column of numbers"),
        (pandas.DataFrame({"time": [0, 0], "a": [1, 2]}), "two different times"),
        (np.full((5, 1), np.nan), "no values"),
    ],
)
def test_what_is_no_series_is_one_clear_line(x, message):
    with pytest.raises(ZooError, match=message) as caught:
        fit(x, length=4)
    assert "\n" not in str(caught.value)


def test_constant_series_and_infinite_numbers_give_results():
    model = zoo.create("ae", "mlp", modality=fit(np.full(40, 7.0), length=8), hidden=(8,), latent_dim=2)
    assert np.isfinite(model.encode(np.full(40, 7.0))).all()
    assert np.isfinite(model.encode(np.where(np.arange(40) % 3, 7.0, np.inf))).all()


@pytest.mark.parametrize("normalization", ["series", "window"])
def test_a_model_ignores_missing_values_and_keeps_its_scale_when_saved(normalization, tmp_path):
    x = waves()
    x[50:60] = np.nan
    model = zoo.create("ae", "tcn", modality=fit(x, 16, 8, normalization), filters=(4,), latent_dim=3)
    raw = model.modality.check(x)
    inputs = np.array(model.modality.to_input(raw, "float32"))
    np.testing.assert_array_equal(inputs[..., 2:], np.isnan(raw))
    assert (inputs[..., :2][np.isnan(raw)] == 0).all()
    # What a missing value is replaced by has no influence on the loss.
    outputs = np.random.default_rng(0).normal(size=(*raw.shape[:2], 2)).astype("float32")
    changed = np.where(np.isnan(raw), 5, outputs)
    loss = model.reconstruction_loss
    np.testing.assert_allclose(loss.call(inputs, outputs), loss.call(inputs, changed), rtol=1e-6)
    restored = model.reconstruct(x)
    assert restored.shape == x.shape and np.isfinite(restored).all()
    zoo.save(model, tmp_path / "saved")
    loaded = zoo.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.reconstruct(x), restored)
    np.testing.assert_array_equal(loaded.encode(x), model.encode(x))


def test_standardized_windows_have_the_same_code_at_any_level_and_the_level_comes_back():
    x = waves(channels=1)
    model = zoo.create("ae", "mlp", modality=fit(x, 16), hidden=(8,), latent_dim=3)
    np.testing.assert_allclose(model.encode(x + 50), model.encode(x), atol=1e-4)
    np.testing.assert_allclose(model.reconstruct(x + 50), model.reconstruct(x) + 50, atol=1e-3)


def test_a_call_with_windows_of_another_shape_is_refused():
    model = zoo.create("ae", "mlp", modality=fit(waves(), 8), hidden=(8,), latent_dim=3)
    for part in (model, model.encoder):
        with pytest.raises(ZooError, match=r"got inputs of shape \(2, 9, 2\), expected \(N, 8, 2\)"):
            part(np.zeros((2, 9, 2), np.float32))


def test_a_frame_comes_back_as_a_frame_in_its_order_with_its_gaps_filled():
    data = frame(np.arange(40) * 60, a=waves(40, 1)[:, 0])
    data.loc[5, "a"] = np.nan
    model = zoo.create("ae", "mlp", modality=fit(data, 8), hidden=(8,), latent_dim=3)
    found = model.reconstruct(data)
    assert list(found.columns) == ["time", "a"] and list(found.time) == list(data.time)
    assert found.a.notna().all()
    with pytest.raises(ZooError, match="lacks the column 'a'"):
        model.encode(data.rename(columns={"a": "b"}))


@pytest.mark.parametrize("name", ["dae_gru", "mae_vit"])
def test_series_train(name):
    from tiny import tiny

    variant, _, backbone = name.rpartition("_")
    options = {"noise": "masking"} if variant == "dae" else {}
    model = tiny(name, input_shape=None, modality=fit(waves(), 16, 4), **options)
    assert np.isfinite(model.fit(waves(), epochs=1, verbose=0).history["loss"]).all()
    assert model.reconstruct(waves()).shape == (200, 2)


def test_a_causal_network_sees_no_later_step():
    from zoo import backbones

    x = np.random.default_rng(0).normal(size=(1, 24, 2)).astype("float32")
    later = x.copy()
    later[:, 12:] += 1
    for causal in (True, False):
        encoder = backbones.build("tcn", (24, 2), filters=(4, 4), causal=causal).encoder
        same = np.allclose(encoder(x)[:, :12], encoder(later)[:, :12], atol=1e-6)
        assert same == causal


def test_seasons_show_the_networks_what_was_one_season_before():
    x = np.arange(40.0)
    series = fit(x, length=4, stride=1, seasons=(10,))
    raw = series.check(x)
    assert raw.shape == (37, 4, 2) and series.reach == 13
    np.testing.assert_array_equal(raw[20, :, 1], raw[10, :, 0])
    assert np.isnan(raw[0, :, 1]).all()
    model = zoo.create("ae", "mlp", modality=series, hidden=(8,), latent_dim=2)
    assert model.reconstruct(x).shape == (40,)


@pytest.mark.parametrize("batch_size, seasons", [(3, ()), (2, (7,)), (100, (30,))])
@pytest.mark.parametrize("steps", [41, 6])
def test_windows_of_a_file_are_those_in_memory(tmp_path, monkeypatch, batch_size, seasons, steps):
    from zoo.modalities.series.files import WindowStream

    x = waves(steps, 1)
    series = fit(waves(60, 1), length=8, stride=3, seasons=seasons)
    parts = [(None, x[start : start + 5]) for start in range(0, steps, 5)]
    found = list(WindowStream(series, parts, batch_size))
    raw = np.concatenate([series.check(batch) for _, batch in found])
    np.testing.assert_allclose(raw, series.check(x), atol=1e-5)
    numbers = [int(i) for ids, _ in found for i in ids]
    assert numbers == sorted(numbers) and numbers[-1] == steps - 1


def test_reconstructed_windows_are_written_as_steps(tmp_path):
    from zoo.modalities.series.files import StepWriter

    x = waves(41, 1)
    series = fit(x, length=8, stride=3)
    found = windows(x, 8, 3)
    with StepWriter(tmp_path / "x.csv", series) as writer:
        for start in range(0, len(found), 4):
            ends = [min(3 * i + 7, 40) for i in range(start, min(start + 4, len(found)))]
            writer.write(found[start : start + 4], [str(end) for end in ends])
    read = pandas.read_csv(tmp_path / "x.csv")
    assert list(read.id) == list(range(41))
    np.testing.assert_allclose(read["0"], x[:, 0])


def test_rows_in_parts_are_the_steps_of_the_whole():
    from zoo.modalities.series.files import StepReader

    data = frame([0, 10, 20, 21, 50, 61], a=[1.0, 2, 3, 5, 6, 7])
    series = fit(data, length=4, rate=10)
    reader = StepReader(series)
    parts = [reader.steps_of(data.iloc[a:b]) for a, b in ((0, 2), (2, 4), (4, 6))]
    np.testing.assert_array_equal(np.concatenate([values for values, _ in parts])[:, 0], [1, 2, 4, np.nan, np.nan, 6, 7])
    np.testing.assert_array_equal(parts[1][1], [0, 0])
    with pytest.raises(ZooError, match="earlier"):
        reader.steps_of(frame([55], a=[1.0]).iloc[:1].assign(time=[40]))


def test_appended_rows_are_read_as_they_come(tmp_path):
    import threading
    import time

    from zoo.modalities.series.tail import appended_rows

    path = tmp_path / "live.csv"
    path.write_text("a;b\n1;2\n3;")

    def append():
        time.sleep(0.3)
        with path.open("a") as file:
            file.write("4\n5;6\n")

    thread = threading.Thread(target=append)
    thread.start()
    found = [row for part in appended_rows(path, idle=1.0) for row in part.to_numpy().tolist()]
    thread.join()
    assert found == [["1", "2"], ["3", "4"], ["5", "6"]]


def test_the_scaling_is_inside_the_exported_graph(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = zoo.create("ae", "tcn", modality=fit(waves(), 16), filters=(4,), latent_dim=3)
    zoo.export(model, tmp_path / "series.onnx", "onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "series.onnx"))
    codes = session.run(None, {session.get_inputs()[0].name: model.modality.check(waves())})[0]
    np.testing.assert_allclose(codes, model.encode(waves()), rtol=1e-4, atol=1e-5)
