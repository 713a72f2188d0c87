"""The docs site, opened in a browser as an analyst would."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from tests.end_to_end.project import Project

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def page(project: Project) -> Iterator[Any]:
    site = project.root / "transform" / "target" / "static_index.html"
    executable = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(site.as_uri())
        yield page
        browser.close()


def test_a_mart_is_found_with_its_columns_and_lineage(page: Any, project: Project) -> None:
    page.get_by_placeholder("Search for models").fill("fct_strokes")
    page.locator(".search-result[href$='model.trackman.fct_strokes']").click()
    expect(page.locator("h1").filter(has_text="fct_strokes")).to_be_visible()
    # A column, and its description with the unit, opened as a reader would.
    page.locator("tr").filter(has_text="ball_speed").first.click()
    opened = page.locator(".column-expanded:visible")
    expect(opened).to_contain_text("m/s")
    expect(page.get_by_role("link", name="stg_trackman_backend__strokes").first).to_be_attached()
    page.screenshot(path=project.settings.directory / "docs-site.png")
    page.locator("[ng-click='onLauncherClick()']").click()
    graph = page.locator("canvas").first
    expect(graph).to_be_visible()
    page.wait_for_timeout(1500)  # the graph is drawn with an animation
    drawn = page.evaluate(
        """() => [...document.querySelectorAll('canvas')].some(c => {
            const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            return data.some(value => value !== 0);
        })"""
    )
    assert drawn
    page.screenshot(path=project.settings.directory / "docs-lineage.png")
