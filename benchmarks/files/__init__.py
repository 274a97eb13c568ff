"""Read files as users have them, and retrieve their phase."""
