"""For every test, notebooks included: surroundings, what is compared, no skips under CI."""

import os
from pathlib import Path

import pytest

from tools import ROOT
from tools.build import code, environment, hash_of
from tools.execution import Recorder, drop_stale_cache

os.environ.update(environment(ROOT))
os.environ.pop("MPLBACKEND", None)
os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # two workers, two cores: more threads wait for each other

#: Pictures are never compared: they differ by machine. Tables are compared as text, not as HTML.
NOT_COMPARED = ("text/html", "image/svg+xml", "application/vnd.jupyter.widget-view+json")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before notebooks run, those that ran with other code are forgotten: once, not by workers."""
    if session.config.getoption("nbval", False) and not hasattr(session.config, "workerinput"):
        drop_stale_cache(ROOT, hash_of(code(ROOT), ROOT))


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Tell nbval what not to compare, and keep what it runs for the site."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += NOT_COMPARED
        record(collector)


def record(collector: pytest.Collector) -> None:
    """Store the notebook as executed by nbval where the build looks for it."""
    recorder = Recorder(Path(collector.path))
    receive, teardown = collector.get_kernel_message, collector.teardown

    def kept(*args, **kwargs):
        message = receive(*args, **kwargs)
        recorder.keep(message)
        return message

    def stored():
        teardown()
        if not recorder.store(ROOT):
            print(f"{collector.name} did not run to its end: not kept for the site")

    collector.get_kernel_message, collector.teardown = kept, stored


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
