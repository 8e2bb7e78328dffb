"""`fastchat judge`: a model judges the battles of the arena."""
