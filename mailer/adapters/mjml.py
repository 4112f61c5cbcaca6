"""MJML to HTML, by the Rust compiler behind mjml-python.

It accepts almost anything without a word, so what is compiled must have been read by
mailer.campaigns.markup before.
"""

from mjml import mjml2html


class MjmlError(Exception):
    """The compiler refused the source. The text is the compiler's own."""


def to_html(source: str) -> str:
    """The HTML of a whole MJML document. Raises MjmlError.

    No web fonts: they would be fetched from a third party by every reader's mail program.
    """
    try:
        html: str = mjml2html(source, fonts={}, include_loader=_refuse_include)
    except ValueError as error:
        raise MjmlError(str(error)) from None
    except BaseException as error:
        # A panic of the Rust side is no Exception, and says nothing that a writer can use.
        if type(error).__name__ != "PanicException":
            raise
        raise MjmlError("the compiler failed") from None
    return html


def _refuse_include(path: str) -> str:
    raise ValueError(f"include of {path} refused")
