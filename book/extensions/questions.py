"""What a page says of itself elsewhere: its question in previous and next, its card in links."""

from __future__ import annotations

from html import escape

from docutils import nodes
from sphinx.application import Sphinx

OPENING = "The question of this chapter: "
SUMMARY = "An interactive course from the mean, through kernel regression, to transformer layers."


def note_question(app: Sphinx, doctree: nodes.document) -> None:
    """Remember the question in bold at the top of a chapter."""
    for strong in doctree.findall(nodes.strong):
        if strong.astext().startswith(OPENING):
            question = strong.astext().removeprefix(OPENING)
            app.env.metadata[app.env.docname]["question"] = question[0].upper() + question[1:]
            return


def card(app: Sphinx, page: str, title: str, question: str) -> str:
    """The tags that other sites read when they show a link to the page."""
    base = app.config.html_baseurl
    tags = {
        "og:type": "website",
        "og:title": title,
        "og:description": question or SUMMARY,
        "og:url": f"{base}{page}.html",
        "og:image": f"{base}_static/social.png",
        "og:image:alt": "Attention as Kernel Regression: data, a smooth estimate and its weights",
    }
    lines = [f'<meta property="{name}" content="{escape(text)}">' for name, text in tags.items()]
    lines += [
        f'<meta name="description" content="{escape(question or SUMMARY)}">',
        '<meta name="twitter:card" content="summary_large_image">',
    ]
    return "\n".join(lines)


def add_to_page(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Give the templates the questions of the neighbours; add the card of the page."""
    _, before, after = app.env.collect_relations().get(page, (None, None, None))
    context["questions"] = {"left": question_of(app, before), "right": question_of(app, after)}
    if doctree is not None:
        title = app.env.titles[page].astext()
        context["metatags"] += card(app, page, title, question_of(app, page))


def question_of(app: Sphinx, page: str | None) -> str:
    return app.env.metadata.get(page, {}).get("question", "") if page else ""


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", note_question)
    app.connect("html-page-context", add_to_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
