"""A live JupyterLab: σ moved with the keyboard and read back in Python; an exercise solved."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

from tools import ROOT

NOTEBOOK = ROOT / "chapters" / "02_nadaraya_watson.ipynb"
EXERCISES = ROOT / "exercises" / "01_average_pooling.ipynb"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def lab(tmp_path):
    """Address of a JupyterLab that serves a chapter, with a cell that prints σ, and exercises."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells.append(nbformat.v4.new_code_cell('print(f"sigma is {explorer.sigma:.6f}")'))
    work = tmp_path / "work"
    work.mkdir()
    nbformat.write(notebook, work / "chapter.ipynb")
    shutil.copy(EXERCISES, work / "exercises.ipynb")
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={work}",
        "--ServerApp.port_retries=0", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }
    log = (tmp_path / "lab.log").open("wb")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{address}/api", timeout=2)
            break
        except OSError:
            assert server.poll() is None, (tmp_path / "lab.log").read_text()
            time.sleep(0.5)
    yield address
    server.terminate()
    server.wait(20)
    log.close()


def test_sigma_moves_and_reads_back(lab, browser):
    page = run_all(browser, f"{lab}/doc/tree/chapter.ipynb")
    last = page.locator(".jp-CodeCell").last
    last.get_by_text(re.compile(r"^sigma is \d")).wait_for(timeout=120_000)
    before = sigma_in(last)

    slider = page.locator(".widget-vbox [role=slider]").first
    slider.scroll_into_view_if_needed()
    picture = page.locator(".d2l-estimate").first
    drawn = picture.get_attribute("d")
    slider.focus()
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "drawn => document.querySelector('.d2l-estimate').getAttribute('d') !== drawn", arg=drawn
    )
    page.wait_for_timeout(500)

    last.scroll_into_view_if_needed()
    last.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    for _ in range(40):
        page.wait_for_timeout(250)
        after = sigma_in(last)
        if after not in (None, before):
            break
    assert after > before * 1.5, "σ moved in the page, but Python still has the old one"

    # JupyterLab must not swallow an arrow key on a slider of the view's own.
    query = page.locator(".d2l input[type=range]").first
    query.scroll_into_view_if_needed()
    at = float(query.input_value())
    query.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    assert float(query.input_value()) == pytest.approx(at + 0.05)
    page.close()


def run_all(browser, address, height=1000):
    """Open a notebook and run its cells. JupyterLab shows only the cells that are in view."""
    page = browser.new_page(viewport={"width": 1300, "height": height})
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_selector('.jp-Toolbar-kernelName:has-text("Python 3")', timeout=60_000)
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
    return page


def test_an_exercise_done_wrong_and_then_right(lab, browser):
    page = run_all(browser, f"{lab}/doc/tree/exercises.ipynb", height=9000)
    stub = page.locator(".jp-CodeCell", has_text="def weighted_average")
    checked = page.locator(".jp-CodeCell", has_text='check("weighted_average"')
    status = checked.get_by_role("status")
    status.get_by_text("not yet").first.wait_for(timeout=60_000)

    def answer(line, told):
        stub.locator(".cm-content").click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(f"def weighted_average(values, weights):\n    {line}")
        page.keyboard.press("Control+Enter")
        checked.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        status.get_by_text(told).first.wait_for(timeout=30_000)
        return status.inner_text()

    wrong = answer("return (weights * values).sum()", "weighted sum")
    assert "not right yet" in wrong.lower()
    assert "passed" in answer("return weights @ values / weights.sum()", "passed").lower()

    page.locator(".jp-CodeCell", has_text="progress(1)").locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    page.get_by_text(re.compile(r"1 of \d exercises passed")).first.wait_for(timeout=30_000)
    page.close()


def sigma_in(cell) -> float | None:
    found = re.findall(r"sigma is (\d+\.\d+)", cell.locator(".jp-OutputArea").inner_text())
    return float(found[-1]) if found else None
