"""The rules of a plan: metric and data decide what is learnt, how it is split, and how an answer is made."""

from __future__ import annotations

import msgspec
import pytest

from agent.brief import Validation
from agent.planning.inputs import Columns
from agent.planning.means import Means
from agent.planning.plan import Plan, make_plan, safer
from tests.unit.agent.briefs import a_brief, feature

MEANS = Means(seconds=600.0, threads=2, memory_bytes=8 * 1024**3, seed=0)


def plan_for(*, least: float | None = 0.0, **changes: object) -> Plan:
    return make_plan(a_brief(**changes), MEANS, target_min=least)


@pytest.mark.parametrize(
    ("metric", "least", "target", "lightgbm"),
    [
        ("rmse", 0.0, "number_target", "regression"),
        ("rmsle", 0.0, "log_target", "regression"),
        ("rmsle", -3.0, "number_target", "regression"),
        ("mae", 0.0, "number_target", "regression_l1"),
        ("smape", 0.5, "log_target", "regression_l1"),
        ("smape", 0.0, "number_target", "regression_l1"),
    ],
)
def test_a_value_is_learnt_by_the_loss_of_its_metric(
    metric: str, least: float, target: str, lightgbm: str
) -> None:
    plan = plan_for(metric=metric, task="regression", answer="value", classes=(), least=least)
    assert (plan.objective.target, plan.objective.lightgbm) == (target, lightgbm)
    assert plan.objective.decide == "value"


@pytest.mark.parametrize(
    ("metric", "answer", "classes", "decide"),
    [
        ("accuracy", "label", ("no", "yes"), "likeliest_label"),
        ("f1", "label", ("no", "yes"), "label_above_threshold"),
        ("mcc", "label", ("no", "yes"), "label_above_threshold"),
        ("f1_macro", "label", ("a", "b", "c"), "label_by_weights"),
        ("qwk", "label", ("1", "2", "3"), "label_by_cut_points"),
        ("qwk", "label", ("0", "1"), "label_above_threshold"),
        ("roc_auc", "probability", ("no", "yes"), "positive_chance"),
        ("log_loss", "class_probabilities", ("a", "b", "c"), "chance_of_each"),
        ("map@3", "label", ("a", "b", "c"), "ranked_labels"),
    ],
)
def test_the_metric_decides_how_an_answer_is_made(
    metric: str, answer: str, classes: tuple[str, ...], decide: str
) -> None:
    task = "binary" if len(classes) == 2 else "multiclass"
    plan = plan_for(metric=metric, answer=answer, classes=classes, task=task)
    assert plan.objective.decide == decide


def test_the_positive_class_is_the_one_that_the_brief_names() -> None:
    assert plan_for(classes=("no", "yes"), positive_label="no").objective.positive == "no"


def test_columns_are_used_by_kind_and_by_number_of_values() -> None:
    features = (
        feature("age"),
        feature("colour", kind="categorical", unique=4),
        feature("town", kind="categorical", unique=900),
        feature("area_id", unique=300),
        feature("when", kind="datetime"),
        feature("words", kind="text"),
    )
    plan = plan_for(features=features)
    assert plan.columns.numbers == ("age", "area_id")
    assert plan.columns.categories == ("colour",)
    assert plan.columns.many_valued == ("town", "area_id")
    assert plan.encoders == ("target_means", "text_scores")
    assert {"dates", "codes", "text_topics"} <= set(plan.steps)


def test_steps_without_columns_are_left_out() -> None:
    plan = plan_for(features=(feature("age"),))
    assert plan.steps == ("numbers", "missing_count")
    assert plan.encoders == ()


def test_time_is_validated_forwards_and_learnt_once_more_on_all_rows() -> None:
    plan = plan_for(scheme="time", column="when")
    assert (plan.split, plan.learn_from, plan.for_test) == ("time_folds", "earlier", "fitted_on_all")
    assert plan.split_columns == ("when",)


def test_nothing_is_learnt_from_a_group_that_test_does_not_share() -> None:
    features = (feature("storm", kind="categorical", unique=200), feature("year"), feature("wind"))
    pair = Validation(scheme="group", reason="made up", column="storm", second_column="year")
    plan = plan_for(features=features, validation=pair)
    assert plan.columns == Columns(numbers=("year", "wind"))
    assert plan.split_columns == ("storm", "year")
    alone = plan_for(features=features, scheme="group", column="year")
    assert alone.columns.numbers == ("wind",)


def test_little_time_means_fewer_folds() -> None:
    brief = a_brief()
    quick = make_plan(brief, msgspec.structs.replace(MEANS, seconds=30.0), target_min=None)
    assert quick.folds < make_plan(brief, MEANS, target_min=None).folds


def test_a_safer_plan_has_one_library_and_no_encoders() -> None:
    plan = plan_for(features=(feature("age"), feature("words", kind="text")))
    simple = safer(plan, 20.0)
    assert (simple.members, simple.encoders, simple.columns.texts) == (("LightGBM",), (), ())
    assert simple.seconds == 20.0
    assert simple.objective == plan.objective


def test_what_cannot_stop_half_way_is_left_out_where_rows_are_many() -> None:
    trees, others = (
        ("LightGBM", "RandomSplits", "XGBoost"),
        ("Linear", "Kernel", "Network", "ExtraTrees", "Neighbours"),
    )
    sizes = ("LargeTrees", "SmallTrees")
    assert plan_for(rows=2_000).members == (*trees, *others, *sizes)
    assert "Kernel" not in plan_for(rows=200_000).members
    many = make_plan(
        a_brief(rows=5_000_000, features=tuple(feature(f"x{i}") for i in range(30))),
        msgspec.structs.replace(MEANS, seconds=60.0),
        target_min=None,
    )
    assert many.members == (*trees, *sizes)
    assert many.rows_max < 5_000_000


def test_of_many_columns_and_classes_the_quick_models_come_before_the_slower_library() -> None:
    pixels = tuple(feature(f"pixel{i}") for i in range(784))
    plan = plan_for(rows=3_500, features=pixels, classes=tuple("0123456789"), task="multiclass")
    assert plan.members[:2] == ("Kernel", "LightGBM")
    assert plan.members[-3:] == ("XGBoost", "LargeTrees", "SmallTrees")
    assert "ExtraTrees" in plan.members


def test_folds_hold_back_stretches_where_test_takes_them_out() -> None:
    blocks = Validation(scheme="blocks", reason="made up", column="when", gap=86_400.0)
    plan = plan_for(validation=blocks)
    assert (plan.split, plan.learn_from, plan.split_columns) == ("block_folds", "others", ("when",))


def test_more_time_is_more_seeds() -> None:
    brief = a_brief()
    passes = [
        make_plan(brief, msgspec.structs.replace(MEANS, seconds=seconds), target_min=None).passes
        for seconds in (10.0, 60.0, 6_000.0)
    ]
    assert passes == [2, 12, 20]


def test_trees_of_other_sizes_are_for_a_second_pass() -> None:
    once = make_plan(a_brief(), msgspec.structs.replace(MEANS, seconds=9.0), target_min=None)
    assert once.passes == 1
    assert "LargeTrees" not in once.members


def test_rows_are_as_many_as_memory_and_time_have_room_for() -> None:
    brief = a_brief(features=(feature("x"), feature("words", kind="text")))

    def rows_max(**changes: object) -> int:
        return make_plan(brief, msgspec.structs.replace(MEANS, **changes), target_min=None).rows_max

    roomy = rows_max()
    assert rows_max(memory_bytes=512 * 1024**2) < roomy / 5
    assert rows_max(seconds=5.0) < roomy / 10
    assert rows_max(memory_bytes=1, seconds=1.0, threads=1) >= 1_000
