"""What is left of a competition's pages for people and for the analysis."""

from __future__ import annotations

from agent.sources.kaggle_pages import as_markdown, plain


def test_html_becomes_text_with_lists_and_without_scripts() -> None:
    html = "<style>p {}</style><h2>Metric</h2><p>Root&nbsp;<b>mean</b>, a &lt; b.</p><ul><li>id<li>y</ul>"
    assert plain(html) == "Metric\n\nRoot\xa0mean, a < b.\n\n- id\n- y"


def test_pages_that_say_what_is_asked_come_in_a_readers_order() -> None:
    pages = [
        ("rules", "No."),
        ("Evaluation", "AUC."),
        ("description", "Predict.\n"),
        ("data-description", " "),
    ]
    assert (
        as_markdown("T", "Sub", pages)
        == "# T\n\nSub\n\n## Description\n\nPredict.\n\n## Evaluation\n\nAUC.\n"
    )
    assert as_markdown("T", None, [("rules", "No.")]) is None
