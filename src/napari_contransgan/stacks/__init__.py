"""Phase of focus stacks in files: of one file, one frame at a time, or of folders of files."""
