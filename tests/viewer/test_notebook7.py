"""The live viewer in Notebook 7, which is not among the dependencies: ``pip install notebook`` runs this test too."""

import json

import browser
import lab
import numpy as np
import pytest

pytest.importorskip("notebook", reason="Notebook 7 is not installed, and not needed for the course")

TRUTH = np.random.default_rng(0).random((9, 12, 10)).astype(np.float32)


def test_keys_python_and_a_linked_widget_steer_the_live_viewer(chromium, tmp_path):
    lab.write(tmp_path / "live.ipynb", lab.LIVE)
    config = tmp_path / lab.PLACES["JUPYTER_CONFIG_DIR"] / "jupyter_notebook_config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"JupyterNotebookApp": {"expose_app_in_browser": True}}))
    with lab.jupyterlab(tmp_path) as address, chromium.new_context(viewport={"width": 1280, "height": 1200}) as context:
        page = context.new_page()
        lab.run_all(page, address("live").replace("/lab/tree/", "/notebooks/"))
        page.wait_for_function("document.querySelectorAll('.pv-place')[1]?.textContent === '3 / 3'")
        page.get_by_role("slider", name="slice", exact=True).first.press("ArrowRight")
        page.wait_for_function("document.querySelector('.widget-readout').textContent === '5'")
        assert browser.pixels(page).tolist() == browser.coloured(TRUTH[5], "magma", 0, 1).tolist()
        lab.execute(page, "view.append('MLEM', truth[::-1])")
        page.wait_for_function("document.querySelectorAll('.pv-place')[1].textContent === '4 / 4'")
        assert browser.pixels(page).tolist() == browser.coloured(TRUTH[::-1][5], "magma", 0, 1).tolist()
        page.screenshot(path=browser.SCREENS / "notebook7.png")
