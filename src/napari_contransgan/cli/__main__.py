"""``python -m napari_contransgan.cli``, as ``torchrun`` starts it."""

from napari_contransgan.cli import main

if __name__ == "__main__":
    main()
