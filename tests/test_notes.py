"""Notes of single frames are joined into notes on a series."""

from napari_contransgan.notes import join_notes


def test_what_all_frames_have_is_said_once():
    assert join_notes([["a", "b"], ["a", "b"]]) == ("a", "b")


def test_what_some_frames_have_names_them():
    assert join_notes([["a"], ["a", "b"], ["a"]]) == ("a", "Frame 2 of 3: b")
    assert join_notes([["b"], ["b"], [], ["b"]]) == ("Frames 1, 2 and 4 of 4: b",)
    assert join_notes([["b"], ["b"], ["b"], [], ["b"]]) == ("Frames 1 to 3 and 5 of 5: b",)


def test_notes_that_differ_in_numbers_are_one_with_the_largest():
    assert join_notes([["drifted by 1.5 px"], ["drifted by 12.0 px"], ["drifted by 3.2 px"]]) == ("drifted by 12.0 px",)
    assert join_notes([["1.5 px"], [], ["3 px"]]) == ("Frames 1 and 3 of 3: 3 px",)


def test_frames_that_were_left_out_are_named_and_not_missed():
    notes = [["a"], ["Left out."], ["a"]]
    assert join_notes(notes, [False, True, False]) == ("a", "Frame 2 of 3: Left out.")
    assert join_notes([["Left out."], ["a"]], [True, False]) == ("a", "Frame 1 of 2: Left out.")


def test_many_single_frames_do_not_fill_the_screen():
    frames = [["odd"] if index % 2 else [] for index in range(100)]
    (note,) = join_notes(frames)
    assert note.startswith("Frames 2, 4, 6, ")
    assert note.endswith(" and more of 100: odd")
    assert len(note) < 80
