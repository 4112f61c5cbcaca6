"""The tags and attributes of MJML 4 that a message may use, and where each tag may stand.

Left out on purpose: mj-include and mj-font (fetch from elsewhere), mj-carousel and mj-accordion
(their icons come from third parties), mj-preview and mj-title (the preheader and the subject say
it), and the names of mj-social-element (their icons come from a third party).
"""

_PADDING = "padding padding-top padding-right padding-bottom padding-left"
_INNER_PADDING = "inner-padding " + " ".join(f"inner-{name}" for name in _PADDING.split()[1:])
_BORDER = "border border-top border-right border-bottom border-left border-radius"
_INNER_BORDER = " ".join(f"inner-{name}" for name in _BORDER.split())
_BACKGROUND = (
    "background-color background-url background-repeat background-size background-position"
    " background-position-x background-position-y"
)
_FONT = "color font-family font-size font-style font-weight line-height letter-spacing"
_TEXT = f"{_FONT} text-decoration text-transform"
_LINK = "href rel target title"
_BLOCK = f"align container-background-color {_PADDING}"

_SECTION = f"{_BACKGROUND} {_BORDER} {_PADDING} direction full-width text-align"

COMPONENTS: dict[str, str] = {
    "mj-body": "background-color width",
    "mj-wrapper": _SECTION,
    "mj-section": _SECTION,
    "mj-group": "background-color direction vertical-align width",
    "mj-column": (
        f"background-color inner-background-color {_BORDER} {_INNER_BORDER} {_PADDING}"
        " direction vertical-align width"
    ),
    "mj-hero": (
        f"{_BACKGROUND} background-height background-width border-radius height"
        f" inner-background-color {_INNER_PADDING} mode {_PADDING} vertical-align width"
    ),
    "mj-text": f"{_BLOCK} {_TEXT} height",
    "mj-button": (
        f"{_BLOCK} {_TEXT} {_BORDER} {_LINK} background-color height inner-padding text-align"
        " vertical-align width"
    ),
    "mj-image": (
        f"{_BLOCK} {_BORDER} {_LINK} alt fluid-on-mobile font-size height max-height src width"
    ),
    "mj-divider": f"{_BLOCK} border-color border-style border-width width",
    "mj-spacer": f"{_BLOCK} height",
    "mj-table": f"{_BLOCK} {_FONT} border cellpadding cellspacing role table-layout width",
    "mj-social": (
        f"{_BLOCK} {_FONT} border-radius icon-height icon-padding icon-size inner-padding mode"
        " table-layout text-decoration text-padding vertical-align"
    ),
    "mj-social-element": (
        f"{_PADDING} {_FONT} {_LINK} align alt background-color border-radius icon-height"
        " icon-padding icon-size src text-decoration text-padding vertical-align"
    ),
    "mj-navbar": f"{_PADDING} align",
    "mj-navbar-link": f"{_PADDING} {_TEXT} {_LINK}",
    "mj-raw": "",
}
ATTRIBUTES: dict[str, frozenset[str]] = {
    "mjml": frozenset({"lang", "dir"}),
    "mj-head": frozenset(),
    "mj-attributes": frozenset(),
    "mj-breakpoint": frozenset({"width"}),
    "mj-style": frozenset(),
    **{tag: frozenset(names.split()) | {"css-class"} for tag, names in COMPONENTS.items()},
}
# Defaults for every component, and for those of a class.
EVERY_ATTRIBUTE = frozenset().union(*ATTRIBUTES.values()) - {"href", "src", "alt", "title"}

_IN_COLUMNS = frozenset({"mj-column", "mj-hero"})
PARENTS: dict[str, frozenset[str]] = {
    "mj-head": frozenset({"mjml"}),
    "mj-body": frozenset({"mjml"}),
    "mj-attributes": frozenset({"mj-head"}),
    "mj-breakpoint": frozenset({"mj-head"}),
    "mj-style": frozenset({"mj-head"}),
    "mj-wrapper": frozenset({"mj-body"}),
    "mj-section": frozenset({"mj-body", "mj-wrapper"}),
    "mj-hero": frozenset({"mj-body", "mj-wrapper"}),
    "mj-raw": frozenset({"mj-body"}),
    "mj-group": frozenset({"mj-section"}),
    "mj-column": frozenset({"mj-section", "mj-group"}),
    "mj-text": _IN_COLUMNS,
    "mj-button": _IN_COLUMNS,
    "mj-image": _IN_COLUMNS,
    "mj-divider": _IN_COLUMNS,
    "mj-spacer": _IN_COLUMNS,
    "mj-table": _IN_COLUMNS,
    "mj-social": _IN_COLUMNS,
    "mj-navbar": _IN_COLUMNS,
    "mj-social-element": frozenset({"mj-social"}),
    "mj-navbar-link": frozenset({"mj-navbar"}),
}

# Components that hold words, and the HTML that may stand among the words.
WORDED = frozenset(
    {"mj-text", "mj-button", "mj-raw", "mj-table", "mj-social-element", "mj-navbar-link"}
)
INLINE = frozenset(
    {
        *("a", "abbr", "b", "blockquote", "br", "cite", "code", "div", "em", "hr", "i", "li"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "s", "small", "span", "strong"),
        *("sub", "sup", "u", "ul"),
    }
)
IN_TABLES = frozenset({"caption", "tbody", "td", "tfoot", "th", "thead", "tr"})
VOID = frozenset({"br", "hr"})
_GLOBAL = frozenset({"class", "dir", "lang", "style", "title"})
_CELL = frozenset({"align", "colspan", "height", "rowspan", "scope", "valign", "width"})
HTML_ATTRIBUTES: dict[str, frozenset[str]] = {
    "a": _GLOBAL | {"href", "rel", "target"},
    "ol": _GLOBAL | {"start"},
    "td": _GLOBAL | _CELL,
    "th": _GLOBAL | _CELL,
    "tr": _GLOBAL | {"align", "valign"},
}


def html_attributes(tag: str) -> frozenset[str]:
    """The attributes that an HTML tag may have."""
    return HTML_ATTRIBUTES.get(tag, _GLOBAL)
