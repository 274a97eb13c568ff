"""The guided path from an image to a table."""
