import pytest

from petcourse import volshow


@pytest.fixture
def show(visit, monkeypatch):
    """Open a viewer. Its still picture, which takes Matplotlib longer than all else, is drawn where no script runs."""

    def show(volumes, style="", before="", after="", options=None, **volshow_options):
        options = options or {}
        with monkeypatch.context() as patch:
            if options.get("java_script_enabled", True):
                patch.setattr("petcourse.viewer.page.picture", lambda *_: b"")
            viewer = volshow(volumes, **volshow_options)
        return visit(before + viewer._repr_html_() + after, style, **options)

    return show
