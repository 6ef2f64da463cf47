"""The shapes that scikit-learn expects."""

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator

import headstart


def pipeline() -> Pipeline:
    return Pipeline([("features", headstart.Backbone(size=(64, 64))), ("head", headstart.Classifier())])


def test_a_classifier_passes_scikit_learn_s_own_checks():
    worded_otherwise = "it is refused, in other words than scikit-learn's"
    check_estimator(
        headstart.Classifier(),
        expected_failed_checks={
            "check_n_features_in_after_fitting": worded_otherwise,
            "check_estimators_empty_data_messages": worded_otherwise,
            "check_fit2d_1sample": worded_otherwise,
            "check_fit2d_predict1d": worded_otherwise,
            "check_requires_y_none": worded_otherwise,
            "check_supervised_y_2d": "a column of classes is refused, and not taken with a warning",
        },
    )


def test_both_sit_in_a_pipeline(paths, labels):
    fitted = pipeline().fit(paths, labels)
    assert fitted.score(paths, labels) == 1.0
    assert fitted.predict(paths).tolist() == labels.tolist()
    rows = fitted.named_steps["features"].transform(paths)
    direct = headstart.Classifier().fit(rows, labels)
    np.testing.assert_array_equal(fitted.predict_proba(paths), direct.predict_proba(rows))
    assert fitted.classes_.tolist() == ["cats", "dogs"]


def test_cross_validation_with_paths_and_with_arrays(paths, labels):
    rows = headstart.extract(paths, size=(64, 64))
    expected = cross_val_score(headstart.Classifier(), rows, labels, cv=3)
    assert expected.mean() > 0.7
    np.testing.assert_array_equal(cross_val_score(pipeline(), paths, labels, cv=3), expected)
    images = np.stack([np.asarray(Image.open(path).convert("RGB").resize((16, 20))) for path in paths])
    assert cross_val_score(pipeline(), images, labels, cv=3, error_score="raise").mean() > 0.7
    found = cross_val_predict(pipeline(), np.array(paths), labels, cv=3, method="predict_proba")
    assert found.shape == (24, 2)


def test_features_feed_other_estimators(paths, labels):
    features = headstart.Backbone(size=(64, 64))
    model = Pipeline([("features", features), ("scale", StandardScaler()), ("svm", LinearSVC())])
    assert model.fit(paths, labels).score(paths, labels) == 1.0


def test_parameters_are_cloned_set_and_searched(paths, labels):
    model = clone(pipeline())
    assert model.get_params()["features__size"] == (64, 64)
    assert model.get_params()["head__strength"] is None
    fingerprint = model.named_steps["features"].fingerprint
    model.set_params(features__size=(32, 32), head__strength=0.1)
    assert model.named_steps["features"].fingerprint != fingerprint
    model.named_steps["features"].size = (64, 64)
    assert model.named_steps["features"].fingerprint == fingerprint
    assert model.fit(paths, labels).named_steps["head"].record["strength"] == 0.1
    search = GridSearchCV(pipeline(), {"head__strength": [1e-3, 1.0]}, cv=2).fit(paths, labels)
    assert search.best_params_["head__strength"] in (1e-3, 1.0)
    with pytest.raises(ValueError, match="expected a parameter of network, .*, found colour"):
        headstart.Backbone().set_params(colour=1)
    whole = headstart.Classifier(backbone=headstart.Backbone(size=(64, 64)))
    assert clone(whole).get_params()["backbone__size"] == (64, 64)


def test_what_is_not_fitted_says_so(paths):
    assert is_classifier(headstart.Classifier())
    with pytest.raises(NotFittedError, match="call fit or load first"):
        headstart.Classifier().predict(np.zeros((1, 3), np.float32))


def test_jobs_of_joblib(paths, labels):
    expected = cross_val_score(pipeline(), paths, labels, cv=2)
    np.testing.assert_array_equal(cross_val_score(pipeline(), paths, labels, cv=2, n_jobs=2), expected)
