"""The documentation site: the pages of this folder, and what writes its reference from the code."""
