"""The docs site, opened in a browser as an analyst would."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from tests.project import Project

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
    page.locator("a", has_text="fct_strokes").first.click()
    expect(page.locator("h1", has_text="fct_strokes")).to_be_visible()
    for text in ("stroke_id", "carry"):
        expect(page.locator("td, span", has_text=text).first).to_be_visible()
    # The text of a column's description, with its unit, as the model's YAML has it.
    expect(page.get_by_text("m/s").first).to_be_attached()
    picture = project.settings.directory / "docs-site.png"
    page.screenshot(path=picture)
    page.locator("[ng-click*='Sidebar'], .launcher, .btn-info").last.click()
    expect(page.get_by_text("stg_trackman_backend__strokes").first).to_be_attached()
    page.screenshot(path=picture.with_name("docs-lineage.png"))
