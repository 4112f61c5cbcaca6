"""A first message to change, instead of an empty page: in each language, good in light and dark."""

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mailer.config import ROOT
from mailer.languages import gettext, in_language

_templates = Environment(
    loader=FileSystemLoader(ROOT / "templates" / "mail"),
    autoescape=True,
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)
_templates.globals["_"] = gettext


def starter(language: str, *, company: str, address: str) -> str:
    """MJML to start from. `address`: where the button leads until somebody changes it."""
    with in_language(language):
        # Curly brackets would be taken for personal fields.
        company = company.translate({ord("{"): "(", ord("}"): ")"})
        return _templates.get_template("starter.mjml").render(company=company, address=address)
