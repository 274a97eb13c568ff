"""Small faults put into the code on purpose, to measure whether the tests notice them."""
