"""For every test, notebooks included: surroundings, what is compared, no skips under CI."""

import os

import pytest

from tools import ROOT
from tools.build import environment

os.environ.update(environment(ROOT))
os.environ.pop("MPLBACKEND", None)

#: Pictures are never compared: they differ by machine. Tables are compared as text, not as HTML.
NOT_COMPARED = ("text/html", "image/svg+xml", "application/vnd.jupyter.widget-view+json")


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Tell nbval what not to compare."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += NOT_COMPARED


def no_skips(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Under CI a skipped test is a failed one."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"} and report.outcome == "skipped":
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped under CI: {reason or report.nodeid}"
        report.__dict__.pop("wasxfail", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    no_skips(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    no_skips(report)
    return report
