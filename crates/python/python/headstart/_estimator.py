"""The shape of scikit-learn's estimators. scikit-learn itself is not needed."""

import inspect
from typing import Any, Dict, TypeVar

Self = TypeVar("Self", bound="Estimator")


class Estimator:
    """Parameters are what the constructor takes, and are kept as they are given."""

    _estimator_type: str
    """"transformer" or "classifier". scikit-learn before 1.6 reads it."""

    @classmethod
    def _parameters(cls) -> Dict[str, Any]:
        signature = inspect.signature(cls.__init__)
        return {name: item for name, item in signature.parameters.items() if name != "self"}

    def get_params(self, deep: bool = True) -> Dict[str, Any]:
        """The parameters by name; with `deep` also those of a parameter that has some itself, as `name__parameter`."""
        found: Dict[str, Any] = {}
        for name in self._parameters():
            value = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                found.update((f"{name}__{inner}", item) for inner, item in value.get_params().items())
            found[name] = value
        return found

    def set_params(self: Self, **params: Any) -> Self:
        """Sets parameters by name, as `name__parameter` those of a parameter that has some itself."""
        inner: Dict[str, Dict[str, Any]] = {}
        for name, value in params.items():
            name, _, rest = name.partition("__")
            if name not in self._parameters():
                known = ", ".join(self._parameters())
                raise ValueError(f"{type(self).__name__}: expected a parameter of {known}, found {name}")
            if rest:
                inner.setdefault(name, {})[rest] = value
            else:
                setattr(self, name, value)
        for name, values in inner.items():
            getattr(self, name).set_params(**values)
        return self

    def __repr__(self) -> str:
        changed = (
            f"{name}={getattr(self, name)!r}"
            for name, item in self._parameters().items()
            if getattr(self, name) is not item.default and getattr(self, name) != item.default
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn asks for it, so it is there.
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags, TransformerTags

        is_classifier = self._estimator_type == "classifier"
        return Tags(
            estimator_type=self._estimator_type,
            target_tags=TargetTags(required=is_classifier),
            transformer_tags=None if is_classifier else TransformerTags(preserves_dtype=[]),
            classifier_tags=ClassifierTags() if is_classifier else None,
            regressor_tags=None,
            input_tags=InputTags(two_d_array=True, string=True),
        )
