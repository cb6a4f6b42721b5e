"""Renders results as a page that stands alone and as Markdown. Measures nothing and reads no file."""

from .html_page import html
from .markdown_page import markdown

__all__ = ["html", "markdown"]
