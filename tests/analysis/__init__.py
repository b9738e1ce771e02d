"""Analysis: records made by hand in, figures worked out on paper expected."""
