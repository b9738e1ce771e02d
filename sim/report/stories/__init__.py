"""Stories: what happened to single payments of a stored run, told in several ways."""
