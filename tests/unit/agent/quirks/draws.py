"""What may be odd about a competition, as tables to draw from."""

from __future__ import annotations

LABELS = {
    "0/1": (("0", "1"), "1"),
    "1.0/0.0": (("0.0", "1.0"), "1"),
    "True/False": (("False", "True"), "True"),
    "yes/no": (("no", "yes"), "yes"),
    "-1/1": (("-1", "1"), "1"),
    "Y/N": (("N", "Y"), "Y"),
    "long": (
        ("customer stayed, with the company", "customer left; for another company"),
        "customer left; for another company",
    ),
}
"""Pairs of labels, the negative first, and which a submission calls positive."""

KINDS = {
    "numbers": ("1", "2", "3", "4"),
    "words": ("ash", "birch", "fir", "oak"),
    "long": ("a very long name, for one", "another quite long name", "third: the name", "x"),
    "missing?": ("NA", "EU", "AS", "None"),
    "grades": ("0", "1", "2", "3"),
}

BINARY_LABEL = {
    "accuracy": ("Categorization Accuracy", "Your score is the percentage of rows you predict correctly."),
    "f1": ("F1 Score", "Submissions are evaluated by the F1 score of the positive class."),
    "mcc": ("Matthews Correlation Coefficient", "The metric is the Matthews correlation coefficient (MCC)."),
    "balanced_accuracy": ("Balanced Accuracy", "We rank teams by balanced accuracy."),
}
BINARY_CHANCE = {
    "roc_auc": (
        "Area Under Receiver Operating Characteristic Curve",
        "Submissions are evaluated on area under the ROC curve between the predicted probability and truth.",
    ),
    "log_loss": ("Log Loss", "Submissions are scored using the logarithmic loss."),
    "average_precision": ("Average Precision", "Scored by the area under the precision-recall curve."),
    "gini": (
        "Normalized Gini Coefficient",
        "Submissions are evaluated using the normalized Gini coefficient.",
    ),
}
MANY_LABEL = {
    "accuracy": ("Categorization Accuracy", "Submissions are scored on classification accuracy."),
    "f1_macro": ("Macro F-Score", "The metric is the macro-averaged F1 score."),
    "f1_micro": ("Micro F1", "The leaderboard shows the micro F1-score."),
    "f1_weighted": ("Weighted F1", "Submissions are evaluated with the weighted F1 score."),
    "qwk": ("Quadratic Weighted Kappa", "Scored with the quadratic weighted kappa, as graders agree."),
    "mcc": ("MCC", "Submissions are ranked by Matthews correlation coefficient."),
    "map@3": ("MAP@{3}", "Evaluated by Mean Average Precision @ 3 (MAP@3): up to 3 labels a row, by blanks."),
}
MANY_CHANCES = {
    "log_loss": ("Multiclass Loss", "Submissions are evaluated using the multi-class logarithmic loss."),
    "roc_auc": ("AUC", "The score is the mean of the area under the ROC curve over all classes."),
}
VALUE = {
    "rmse": ("Root Mean Squared Error", "Submissions are scored on the root mean squared error (RMSE)."),
    "rmsle": ("RMSLE", "Submissions are evaluated on the Root Mean Squared Logarithmic Error."),
    "mae": ("Mean Absolute Error", "The metric is the mean absolute error between forecast and truth."),
    "medae": ("Median Absolute Error", "Scored by median absolute error."),
    "mape": ("MAPE", "Forecasts are judged by mean absolute percentage error (MAPE)."),
    "smape": ("SMAPE", "Submissions are evaluated on SMAPE between forecasts and actual values."),
    "r2": ("R2 Score", "Submissions are scored on R² (the coefficient of determination)."),
    "pearson": ("Pearson Correlation", "The score is the Pearson correlation coefficient of the two."),
    "spearman": ("Spearman", "Ranked by Spearman's rank correlation."),
    "mse": ("Mean Squared Error", "Evaluated on the mean squared error."),
}
VALUES = {
    "mcrmse": ("MCRMSE", "Scored by the mean columnwise root mean squared error (MCRMSE)."),
    "mae": ("Mean Absolute Error", "The metric is the mean absolute error, averaged over the columns."),
}
UNKNOWN = ("Goat Herding Score", "The score is secret, and the data are nice.")

NAMES = (
    ("train.csv", "test.csv", "sample_submission.csv"),
    ("Train.csv", "Test.csv", "SampleSubmission.csv"),
    ("training_set.csv", "test_set.csv", "submission_format.csv"),
    ("data/history_train.csv", "data/history_test.csv", "example_entry.csv"),
    ("known.csv", "asked.csv", "answers.csv"),
    ("learn/rows.csv", "test/rows.csv", "sampleSubmission.csv"),
)
PACKINGS = ("plain", "plain", "plain", "gz", "zip", "tsv", "bundle", "nested", "parquet", "lines")
ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16")
DELIMITERS = (",", ",", ";", "\t", "|")
MISSING = ("", "", "?", " ", "NA", "-", "n/a", "unknown", "-999")
IDS = ("number", "number", "text", "date", "padded", "absent", "renamed", "pair")
COLUMN_NAMES = (
    "amount", "1stFlrSF", "größe", "row #", "a.b", "x[0]", "with space", "{json}", "größe (m²)", "ünï", "n:o",
)  # fmt: skip
SIDES = ("none", "none", "one", "many", "labels", "pair", "alias", "chain")
SPLITS = ("none", "none", "group", "time")
