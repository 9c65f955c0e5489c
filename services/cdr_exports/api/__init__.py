"""The JSON:API room: what every HTTP route of the customer API has in common, whichever service it belongs to."""
