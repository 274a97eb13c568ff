"""Entry point of ``python -m napari_contransgan.cli``, which ``torchrun`` uses."""

from napari_contransgan.cli import main

if __name__ == "__main__":
    main()
