"""What several features of the window use."""
