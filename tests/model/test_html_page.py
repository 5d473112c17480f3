"""Pages that people keep."""

from model.html_page import Section, Table, html_page


def test_whatever_is_put_into_a_page_is_escaped():
    evil = "<script>alert('&')</script>"
    section = Section(evil, [evil], tables=[Table([evil], [[evil]])])
    page = html_page(evil, [section])
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 6  # title, heading, section, text, head and cell


def test_a_picture_is_inside_the_page_with_its_description(tmp_path):
    file = tmp_path / "figure.png"
    file.write_bytes(b"PNG")
    page = html_page("Report", [Section(picture=file, alt='a "quoted" word')])
    assert 'src="data:image/png;base64,UE5H"' in page
    assert 'alt="a &#34;quoted&#34; word"' in page
