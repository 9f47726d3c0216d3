"""What MkDocs calls while it builds the site: see `hooks` in mkdocs.yml."""

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parents[1]))  # whatever folder MkDocs was started in

from docs.links import ROOT, outside, pictures, turned
from docs.reference import generate_files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference, and what stands outside this folder."""
    for place, text in {**generate_files(), **outside()}.items():
        files.append(File.generated(config, place, content=text))
    for source, place in pictures().items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Turn links between files of the repository into those between pages; rank for the search."""
    if page.file.src_uri.startswith("reference/"):
        page.meta["search"] = {"boost": 0.5}  # guides are found before it
    return turned(markdown, page.file.src_uri)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Leave out the colons by which a docstring begins a block of code."""
    return html.replace("<p>::</p>", "")
