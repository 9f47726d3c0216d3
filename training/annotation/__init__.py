"""How far labels can be trusted: raters, their agreement, and a consensus that weighs them."""
