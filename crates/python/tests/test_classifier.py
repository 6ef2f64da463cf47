"""Trained heads: beside the command, scikit-learn and Keras."""

import json
import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import headstart
from conftest import command


@pytest.fixture
def rows():
    """Rows of two classes that overlap."""
    draws = np.random.default_rng(0)
    labels = np.repeat(["no", "yes"], 40)
    return (draws.normal(size=(80, 6)) + (labels == "yes")[:, None] * 0.8).astype(np.float32), labels


def test_images_are_answered_as_the_command_answers(paths, labels, backbone, tmp_path):
    classifier = headstart.Classifier(backbone=backbone).fit(paths, labels)
    model = tmp_path / "model.safetensors"
    classifier.save(model)
    lines = command("predict", model, *paths, "--format", "jsonl", "--top-k", 2, "--answer-all").splitlines()
    answers = [json.loads(line) for line in lines]
    loaded = headstart.Classifier.load(model)
    found = loaded.predict_proba(paths)
    assert found.dtype == np.float32 and found.shape == (24, 2)
    for answer, row, one in zip(answers, found, loaded.answers(paths)):
        ranked = {ranked["label"]: np.float32(ranked["probability"]) for ranked in answer["top"]}
        assert [ranked["cats"], ranked["dogs"]] == row.tolist()
        assert (one.label, np.float32(one.novelty)) == (answer["label"], np.float32(answer["novelty"]))
        assert one.is_unknown == (one.novelty > 1)
    np.testing.assert_array_equal(classifier.predict_proba(paths), found)
    np.testing.assert_array_equal(loaded.predict_proba(backbone.transform(paths)), found)
    assert loaded.classes_.tolist() == ["cats", "dogs"] and loaded.n_features_in_ == 1280
    assert loaded.record["rows"] == 24


def test_figures_are_those_of_the_command_and_of_scikit_learn(photos, paths, labels, backbone, tmp_path):
    classifier = headstart.Classifier(backbone=backbone).fit(paths, labels)
    model, features = tmp_path / "model.safetensors", tmp_path / "x.npy"
    classifier.save(model)
    headstart.extract_folder(photos, features, backbone=backbone)
    theirs = json.loads(command("evaluate", model, features, "--json"))
    of_file = headstart.Classifier.load(model).evaluate(features)
    assert {name: theirs[name] for name in of_file} == of_file
    of_rows = classifier.evaluate(np.load(features), labels)
    assert of_rows == of_file and "accuracy" in str(of_rows)


def test_it_is_scikit_learn_s_logistic_regression(rows):
    X, y = rows
    ours = headstart.Classifier(strength=0.1, calibrate=False).fit(X, y)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-8)).fit(X.astype(np.float64), y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    assert ours.predict(X).tolist() == theirs.predict(X).tolist()
    assert ours.score(X, y) == theirs.score(X, y)
    found = ours.evaluate(X, y)
    probabilities = ours.predict_proba(X).astype(np.float64)
    assert found["accuracy"] == accuracy_score(y, ours.predict(X))
    assert found["loss"] == pytest.approx(log_loss(y, probabilities), abs=1e-6)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(y, probabilities[:, 1]), abs=1e-9)


def test_held_out_answers_are_what_is_judged(rows):
    X, y = rows
    classifier = headstart.Classifier(seed=1).fit(X, y)
    assert classifier.held_out_.shape == (80, 2)
    best = classifier.classes_[classifier.held_out_.argmax(axis=1)]
    assert classifier.cross_validation_["accuracy"] == pytest.approx(accuracy_score(y, best))
    grouped = headstart.Classifier(seed=1).fit(X, y, groups=np.arange(80) // 4)
    assert grouped.record["groups"] == 20


def test_classes_keep_their_type(rows):
    X, y = rows
    classifier = headstart.Classifier(class_weight={7: 2.0}).fit(X, np.where(y == "yes", 7, 3))
    assert classifier.classes_.tolist() == [3, 7] and classifier.predict(X).dtype.kind == "i"


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5"])
def test_keras_predicts_the_same_with_its_file(rows, suffix, tmp_path):
    import keras

    X, y = rows
    classifier = headstart.Classifier().fit(X, y)
    path = tmp_path / f"head{suffix}"
    classifier.save(path)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, activation="sigmoid")])
    model.load_weights(path)
    theirs = np.asarray(model(X))[:, 0]
    np.testing.assert_allclose(classifier.predict_proba(X)[:, 1], theirs, atol=1e-5)


def test_a_fitted_classifier_is_pickled(rows):
    X, y = rows
    classifier = headstart.Classifier().fit(X, y)
    copy = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copy.predict_proba(X), classifier.predict_proba(X))
    assert copy.record == classifier.record
    assert pickle.loads(pickle.dumps(headstart.Backbone(size=(64, 64)))).size == (64, 64)


def test_what_can_t_be_fitted_is_told(rows, tmp_path):
    X, y = rows
    for fit, text in [
        (lambda: headstart.Classifier().fit(X, y[:-1]), "labels"),
        (lambda: headstart.Classifier().fit(X, np.repeat("one", 80)), "at least 2"),
        (lambda: headstart.Classifier().fit(np.where(X > 2, np.nan, X), y), "NaN"),
        (lambda: headstart.Classifier().fit(X[0], y), "N x values"),
        (lambda: headstart.Classifier().fit(X, X[:, 0]), "expected classes, found continuous values"),
        (lambda: headstart.Classifier().fit(X + 1j, y), "expected real numbers"),
        (lambda: headstart.Classifier(class_weight={"maybe": 1}).fit(X, y), "class_weight: expected a class of"),
        (lambda: headstart.Classifier(strength=-1.0).fit(X, y), "strength"),
        (lambda: headstart.Classifier().fit(["a.jpg"], ["a"]), "backbone: expected one for images"),
        (lambda: headstart.Classifier().fit(X, y).predict(X[:, :3]), "takes 6 values"),
        (lambda: headstart.Classifier().fit(X, y).evaluate(X, np.repeat("maybe", 80)), "expected a class of no, yes"),
    ]:
        with pytest.raises(ValueError) as error:
            fit()
        assert text in str(error.value), str(error.value)
        assert isinstance(error.value, headstart.HeadstartError)
    classifier = headstart.Classifier().fit(X, y)
    classifier.save(tmp_path / "m.safetensors")
    with pytest.raises(OSError, match="m.safetensors"):
        classifier.save(tmp_path / "m.safetensors")
    classifier.save(tmp_path / "m.safetensors", overwrite=True)
    with pytest.raises(FileNotFoundError):
        headstart.Classifier.load(tmp_path / "absent.safetensors")


def test_a_model_that_holds_its_network_needs_no_other_file(paths, labels, backbone, tmp_path):
    classifier = headstart.Classifier(backbone=backbone).fit(paths, labels)
    classifier.save(tmp_path / "m.safetensors", bundle=True)
    assert (tmp_path / "m.safetensors").stat().st_size > 20_000_000
    found = headstart.Classifier.load(tmp_path / "m.safetensors").predict_proba(paths)
    np.testing.assert_array_equal(found, classifier.predict_proba(paths))
