"""Workbooks made by hand, down to what no spreadsheet would write."""

import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def letters(position: int) -> str:
    """A for 0, AB for 27."""
    text = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        text = chr(65 + rest) + text
    return text


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def number_cell(place: str, number: object, style: int = 0) -> str:
    return f'<c r="{place}" s="{style}"><v>{number}</v></c>'


def sheet_of(*rows: tuple[str, ...]) -> str:
    """Rows of texts as the XML of a sheet."""
    made = []
    for number, cells in enumerate(rows, 1):
        inside = "".join(
            text_cell(f"{letters(at)}{number}", text) for at, text in enumerate(cells) if text
        )
        made.append(f'<row r="{number}">{inside}</row>')
    return "".join(made)


def make_workbook(
    rows: str,
    *,
    strings: str = "",
    formats: tuple[str, ...] = (),
    properties: str = "",
    sheets: str = '<sheet name="Taul1" sheetId="1" r:id="rId1"/>',
    **parts: str,
) -> bytes:
    """A workbook whose first sheet has these rows. `formats`: code of style 1, 2, …"""
    codes = "".join(
        f'<numFmt numFmtId="{164 + at}" formatCode={quoteattr(code)}/>'
        for at, code in enumerate(formats)
    )
    styles = '<xf numFmtId="0"/>' + "".join(
        f'<xf numFmtId="{164 + at}"/>' for at in range(len(formats))
    )
    contents = {
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{RELATIONS}">{properties}'
        f"<sheets>{sheets}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": "<Relationships>"
        '<Relationship Id="rId1" Target="worksheets/sheet1.xml"/>'
        '<Relationship Id="rId2" Target="/xl/worksheets/sheet2.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>",
        "xl/styles.xml": f"<styleSheet {MAIN}><numFmts>{codes}</numFmts>"
        f"<cellXfs>{styles}</cellXfs></styleSheet>",
        **({"xl/sharedStrings.xml": f"<sst {MAIN}>{strings}</sst>"} if strings else {}),
        **parts,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in contents.items():
            file.writestr(name, text)
    return packed.getvalue()
