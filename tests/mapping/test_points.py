"""Tables of labelled pixels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsizoo.errors import DataError
from hsizoo.mapping.points import Point, read_points


@pytest.fixture
def table(tmp_path):
    def write(content, name="labels.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_classes_as_text_are_numbered_in_alphabetical_order(table):
    found = read_points(table("row,col,class\n3,4,wheat\n\n5,6, corn \n7,8,wheat\n"))
    assert found.points == [Point(3, 4, 2, 2), Point(5, 6, 1, 4), Point(7, 8, 2, 5)]
    assert found.class_names == {1: "corn", 2: "wheat"}
    assert found.remarks == []


def test_classes_as_numbers_keep_them_and_zero_is_unlabelled(table):
    found = read_points(table("class,note,row,col\n7,a,1,2\n0,b,1,3\n300.0,c,1,4\n"))
    assert found.points == [Point(1, 2, 7, 2), Point(1, 4, 300, 4)]
    assert found.class_names == {}
    assert found.remarks == ["1 line(s) of class 0, which is unlabelled, are left out"]


@pytest.mark.parametrize(
    "content",
    [
        "row;col;class\n1;2;a, b\n3;4;c\n",
        "row\tcol\tclass\r\n1\t2\ta, b\r\n3\t4\tc\r\n",
        'ROW, Col ,"Class"\n1,2,"a, b"\n3,4,c',
        '\ufeffrow,column,class\n1.0,2,"a, b"\n3,4.,c\n',
        "row;col;class\n1,0;2;a, b\n3;4;c\n",
    ],
)
def test_dialects(table, content):
    found = read_points(table(content))
    assert [(p.row, p.col, p.label) for p in found.points] == [(1, 2, 1), (3, 4, 2)]
    assert found.class_names == {1: "a, b", 2: "c"}
    assert found.remarks == []


def test_x_is_the_column_and_y_the_row_and_that_is_told(table):
    found = read_points(table("x,y,label\n4,3,corn\n6,5,rye\n"))
    assert [(p.row, p.col) for p in found.points] == [(3, 4), (5, 6)]
    (remark,) = found.remarks
    assert remark.startswith("y is taken as the row, x is taken as the column, label is taken as")


def test_pixels_go_before_coordinates_of_a_map(table):
    found = read_points(table("x,y,row,col,class\n637000.5,4480000.5,1,2,a\n1,1,3,4,b\n"))
    assert [(p.row, p.col) for p in found.points] == [(1, 2), (3, 4)]
    assert found.remarks == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; expected the header row,col,class"),
        ("row,col,class\n", "no labelled pixel"),
        ("1,2,corn\n", "line 1 is '1,2,corn', which has no column 'row'"),
        ("row,col\n1,2\n", "no column 'class'"),
        ("row,col,row,class\n1,2,3,a\n", "line 1 has 2 columns 'row'"),
        ("row,col,class\n1,2,a\n1,2\n", "line 3 has 2 field"),
        ("row,col,class\n1,b,a\n", "line 2: the column 'b' is not a whole number"),
        ("row,col,class\n1.5,2,a\n", "line 2: the row '1.5' is not a whole number"),
        ("row,col,class\n1e3,2,a\n", "line 2: the row '1e3'"),
        ("row,col,class\n" + "9" * 5000 + ",2,a\n", "line 2: the row '999"),
        ("row,col,class\n1,2,\n", "line 2 has no class"),
        ("row,col,class\n1,2,3\n4,5,corn\n", "'3' \\(line 2\\), a number, .*'corn' \\(line 3\\)"),
        ("row,col,class\n1,2,-3\n", "line 2: class -3 is not a number from 1 to 65535"),
        ("row,col,class\n1,2,70000\n", "line 2: class 70000"),
        ('row,col,class\n1,2,"a' + "b" * 200_000 + '"\n', "line 2, cannot be read: field larger"),
        (b"row,col,class\n1,2,W\xe4lder\n", "line 2, is not UTF-8"),
        ("row,col,class\n1,2,a\n".encode("utf-16"), "not a text file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text file"),
    ],
)  # fmt: skip
def test_faults_are_told_with_the_line(table, content, message):
    with pytest.raises(DataError, match=message):
        read_points(table(content))


def test_a_table_of_many_megabytes_is_not_read(tmp_path):
    path = tmp_path / "labels.csv"
    with path.open("wb") as file:
        file.truncate(2**27)  # sparse
    with pytest.raises(DataError, match=r"more than the .* of a table of pixels; .* mask image"):
        read_points(path)


def test_what_is_no_file(tmp_path):
    with pytest.raises(DataError, match="there is no"):
        read_points(tmp_path / "labels.csv")
    with pytest.raises(DataError, match="not a plain file"):
        read_points(tmp_path)


@given(content=st.binary(max_size=60) | st.text('row,col;class\t\n\r"019.-ä', max_size=60))
def test_any_content_is_a_table_or_told(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    told = ""
    try:
        found = read_points(path)
    except DataError as error:
        told = str(error)
    assert str(path) in told or all(0 < each.label < 2**16 for each in found.points)
