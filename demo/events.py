"""How events of the page are declared: none of them is an endpoint for programs."""

PRIVATE = {"api_visibility": "private"}
QUIET = PRIVATE | {"show_progress": "hidden"}
