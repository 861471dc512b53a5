"""The viewers in Notebook 7, which is not among the dependencies: ``pip install notebook`` runs this test too."""

import json

import browser
import lab
import pytest
from test_live_browser import CELLS, coloured, execute
from test_live_browser import VOLUME as TRUTH

pytest.importorskip("playwright")
pytest.importorskip("notebook", reason="Notebook 7 is not installed, and not needed for the course")
if not browser.find():
    pytest.skip("no Chromium here: install it, or name one in PETCOURSE_CHROMIUM", allow_module_level=True)


def test_keys_python_and_a_linked_widget_steer_the_live_viewer(tmp_path):
    lab.write(tmp_path / "live.ipynb", CELLS)
    config = tmp_path / lab.PLACES["JUPYTER_CONFIG_DIR"] / "jupyter_notebook_config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"JupyterNotebookApp": {"expose_app_in_browser": True}}))
    with lab.jupyterlab(tmp_path) as address, browser.chromium() as chromium:
        page = chromium.new_context(viewport={"width": 1280, "height": 1200}).new_page()
        lab.run_all(page, address("live").replace("/lab/tree/", "/notebooks/"))
        page.wait_for_function("document.querySelectorAll('.pv-place')[1]?.textContent === '3 / 3'")
        page.get_by_role("slider", name="slice", exact=True).press("ArrowRight")
        page.wait_for_function("document.querySelector('.widget-readout').textContent === '5'")
        assert browser.pixels(page, 0).tolist() == coloured(TRUTH[5]).tolist()
        execute(page, "view.append('MLEM', truth[::-1])")
        page.wait_for_function("document.querySelectorAll('.pv-place')[1].textContent === '4 / 4'")
        assert browser.pixels(page, 0).tolist() == coloured(TRUTH[::-1][5]).tolist()
        page.screenshot(path=browser.SCREENS / "notebook7.png")
