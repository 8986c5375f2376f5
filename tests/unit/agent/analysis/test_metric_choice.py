"""The metric is the one that the competition is scored by, not any that its prose mentions."""

from __future__ import annotations

import pytest

from agent.analysis.metric_choice import mentions, named_by_field
from agent.analysis.metric_names import PATTERNS
from agent.metrics import METRICS


@pytest.mark.parametrize(
    ("description", "metric"),
    [
        ("Submissions are evaluated on area under the ROC curve.", "roc_auc"),
        (
            "Submissions are evaluated on RMSE between the logarithm of the predicted and observed price.",
            "rmsle",
        ),
        ("## Evaluation\nWe do not use accuracy; submissions are scored by AUC.", "roc_auc"),
        ("## Evaluation\nSubmissions are scored by F1 rather than accuracy.", "f1"),
        ("## Evaluation\nThe ranking is not by accuracy but by log loss.", "log_loss"),
        ("## Evaluation\nPlain accuracy would tell little.\n\nThe score is the Matthews correlation.", "mcc"),
        ("## Evaluation\nUnlike last year's RMSE, this year the metric is MAE.", "mae"),
        ("An accuracy of 90% is known from the literature.\n## Evaluation\nMacro F1 score.", "f1_macro"),
        ("RMSE was used by the authors. Our leaderboard uses R².", "r2"),
        ("## Evaluation\nSubmissions are evaluated by Mean Average Precision @ 5 (MAP@5).", "map@5"),
        ("## Evaluation\n$$MAP@K$$ Scored by MAP@K, with up to 3 predictions a row.", "map@3"),
        ("## Evaluation\nScored on the area under the precision-recall curve.", "average_precision"),
        ("## Evaluation\nScored by balanced accuracy.", "balanced_accuracy"),
        ("## Evaluation\nThe metric is symmetric mean absolute percentage error.", "smape"),
        ("## Evaluation\n### Metric\nmulti-class logarithmic loss", "log_loss"),
        ("## Metric: quadratic weighted kappa", "qwk"),
        ("### Evaluation\nScored with the mean columnwise RMSE.", "mcrmse"),
        ("## Evaluation\nThe unweighted mean of per-class F1 scores.", "f1_macro"),
        ("## Evaluation\nThe F1 score of each class, weighted by its support.", "f1_weighted"),
        ("## Evaluation\nCohen's kappa with quadratic weights.", "qwk"),
        ("## Evaluation\nRMS error, in degrees.", "rmse"),
        ("## Evaluation\nThe mean of the absolute errors.", "mae"),
        ("## Evaluation\nThe median of the absolute errors.", "medae"),
        ("## Evaluation\nThe symmetric MAPE.", "smape"),
        ("## Evaluation\nThe mean absolute percent error.", "mape"),
        ("## Evaluation\nWe take r2_score.", "r2"),
        ("## Evaluation\nThe mean average precision at cutoff 7 (MAP@7).", "map@7"),
        ("## Evaluation\nThe average of the recall of each class.", "balanced_accuracy"),
        ("## Evaluation\nThe metric is macro-averaged recall.", "balanced_accuracy"),
    ],
)
def test_the_metric_is_read_from_prose(description, metric):
    found = mentions(description)
    assert found
    assert found[0].metric == metric
    assert found[0].sentence in " ".join(description.replace("#", "").split())


@pytest.mark.parametrize(
    "description",
    [
        "",
        "Predict the price with high accuracy.",
        "## Evaluation\nWe will not use RMSE.",
        "## Evaluation\nA secret score.",
        "## Evaluation\n```\nauc = roc_auc_score(y, p)\n```\n",
    ],
)
def test_nothing_is_made_up(description):
    assert mentions(description) == ()


@pytest.mark.parametrize(
    ("field", "metric"),
    [
        ("Categorization Accuracy", "accuracy"),
        ("Root Mean Squared Logarithmic Error", "rmsle"),
        ("Area Under Receiver Operating Characteristic Curve", "roc_auc"),
        ("MeanAbsoluteError", "mae"),
        ("MulticlassLoss", "log_loss"),
        ("QuadraticWeightedKappa", "qwk"),
        ("MAP@{5}", "map@5"),
        ("NormalizedGini", "gini"),
        ("Macro F-Score", "f1_macro"),
        ("Google Football Skill Rating", None),
    ],
)
def test_kaggles_own_field(field, metric):
    assert named_by_field(field) == metric


def test_every_name_is_of_a_known_metric():
    assert {name for name, _ in PATTERNS} <= set(METRICS)
