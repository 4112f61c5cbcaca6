"""Whether somebody asks not to be written to: in Finnish, Swedish and English.

Two grades. `is_clear`: the whole text says nothing but that, so that it can be obeyed without a
person reading it. `asks`: the words occur somewhere, so that a person should read it first of all.
An objection counts in any form (GDPR 21(2)), so what neither grade finds is read by a person too.
"""

import re
import unicodedata

LONGEST_CLEAR = 20  # words
LONGEST_READ = 6000  # characters

_LIST = r"\w*list(?:alta\w*|oilta\w*|oista\w*|asta\w*|an|or|orna|s)?"
_THINGS_FI = (
    r"(?:viest\w*|mainok\w*|mainon\w*|mainospost\w*|markkinoin\w*|uutiskirje\w*|sahkopost\w*"
    r"|roskapost\w*|post(?:eja|ia|it)|spammi\w*|lahet(?:yksia|yksien|ykset)|tarjouk\w*)"
)
_NO_THINGS_FI = (
    r"(?:mainoksia|mainontaa|viesteja|postia|posteja|sahkoposteja|sahkopostia|markkinointia"
    r"|uutiskirjeita|mainospostia|roskapostia)"
)
_THINGS_SV = (
    r"(?:mejl\w*|mail\w*|e ?post\w*|nyhetsbrev\w*|utskick\w*|reklam\w*|meddelande\w*|erbjudande\w*)"
)
_THINGS_EN = (
    r"(?:e ?mails?|mails?|messages?|newsletters?|marketing|advertis\w*|ads|spam|mailings?"
    r"|offers?|correspondence)"
)
_FEW_FI = r"(?:enaa|enempaa|lisaa|minulle|naita|tallaisia|teidan|mitaan|teilta|kiitos|tata)"
_FEW_EN = r"(?:any|more|of|these|such|your|further|the|this|me)"
_FEW_SV = r"(?:fler|mer|mera|nagra|nagon|era|dessa|detta|langre|mig|till)"
_NOT_EN = r"(?:do not|don t|dont|never|stop)"

_FINNISH = (
    (
        rf"lope(?:ta|ttakaa|ttaisitteko|ttaisitko)(?: (?:{_FEW_FI}|nama|taman|naiden|tama))*"
        rf"(?: {_THINGS_FI})*(?: lahettaminen| lahettamisen| lahettely)?"
    ),
    (
        r"poista(?:kaa|ttehan|isitteko|isitko|tko)?"
        r"(?: minut| osoitteeni| sahkopostini| sahkopostiosoitteeni)?"
        rf"(?: (?:{_FEW_FI}|kaikilta|taman|talta))* {_LIST}"
    ),
    (
        rf"(?:peru|perun|peruuta|peruuttakaa|perukaa|irtisanon)(?: {_FEW_FI})*"
        r"(?: uutiskirje\w*)? (?:tilaus\w*|tilauksen\w*|uutiskirje\w*)"
    ),
    rf"en halua(?: (?:{_FEW_FI}|saada|vastaanottaa))* {_THINGS_FI}(?: {_FEW_FI})*",
    (
        rf"(?:ala|alkaa)(?: {_FEW_FI})* (?:lahettako|laheta|lahetelko|lahettele)"
        rf"(?: (?:{_FEW_FI}|{_THINGS_FI}))*"
    ),
    (
        r"(?:kiellan|kiellamme|vastustan)(?: (?:teidan|kaiken|kaikki|minuun|kohdistuvan))*"
        r" (?:\w*suoramarkkinoin\w*|markkinoin\w*|mainon\w*)"
    ),
    rf"ei(?: {_FEW_FI})* {_NO_THINGS_FI}(?: {_FEW_FI})*",
)
_ENGLISH = (
    r"(?:un ?subscribe|opt ?out|opting out|stop)",
    rf"stop(?: sending)?(?: {_FEW_EN})* {_THINGS_EN}",
    (
        r"(?:remove|delete|take)(?: me| my address| my e ?mail(?: address)?)(?: off| from| of)"
        r"(?: (?:your|the|this|all|any))*(?: (?:mailing|e ?mail|marketing|distribution))*"
        rf" {_LIST}"
    ),
    r"(?:remove|take) me(?: off)?",
    (
        rf"{_NOT_EN}(?: ever)? (?:contact(?:ing)?|e ?mail(?:ing)?|mail(?:ing)?|writ(?:e|ing) to)"
        r" me(?: again| any ?more)?"
    ),
    rf"{_NOT_EN} send(?:ing)?(?: {_FEW_EN})*(?: {_THINGS_EN})?",
    rf"no more(?: {_FEW_EN})* {_THINGS_EN}",
    (
        r"(?:do not|don t|dont) (?:want|wish)(?: to receive| to get)?"
        rf"(?: {_FEW_EN})* {_THINGS_EN}"
    ),
    (
        r"i object to(?: the)?(?: (?:processing|use))?(?: of my (?:personal )?data)?(?: for)?"
        r"(?: direct)? marketing"
    ),
)
_SWEDISH = (
    r"(?:avregistrera|avprenumerera|avanmal|avanmalan)(?: mig)?",
    (
        rf"(?:sluta|stoppa|avsluta)(?: att)?(?: skicka)?(?: {_FEW_SV})*"
        rf"(?: {_THINGS_SV}| prenumerationen)*"
    ),
    (
        r"(?:ta|plocka|stryk) (?:bort |av )?(?:mig|min adress|min e ?post\w*)(?: bort)?"
        rf"(?: (?:fran|ur))?(?: (?:er|den|eran|denna|din|alla))*(?: {_LIST})?"
    ),
    rf"(?:skicka|sand) (?:inte|ej|inga)(?: {_FEW_SV})*(?: {_THINGS_SV})*",
    rf"inga(?: {_FEW_SV})* {_THINGS_SV}(?: tack)?",
    rf"(?:jag )?vill inte (?:ha|fa)(?: {_FEW_SV})* {_THINGS_SV}",
)
_CORES = tuple(re.compile(rf"\b{core}\b") for core in _FINNISH + _ENGLISH + _SWEDISH)
# A no to what was offered, and perhaps to being written to at all: a person should say.
_PERHAPS = re.compile(
    r"\b(?:poista(?:kaa)?(?: \w+){0,6} \w*list\w*|remove(?: \w+){0,6} (?:list|database)"
    r"|ta bort(?: \w+){0,6} \w*list\w*|ei kiitos"
    r"|nej tack|no thanks?|no thank you|not interested|ei kiinnosta|inte intresserad"
    r"|spam|roskaposti\w*|skrappost|gdpr|tietosuoja\w*|poista(?:kaa)? tietoni|delete my data"
    r"|radera mina uppgifter|mista (?:olette )?saa\w+|where did you get)\b"
)
# Words that stand beside a request and change nothing in it. No word that denies, no name, no
# "us": who speaks for a company should be read by a person.
_BESIDE = frozenset(
    """
    hei moi terve moikka paivaa huomenta hyva hyvaa iltaa kiitos kiitti kiitoksia etukateen
    ystavallisesti pyydan voisitteko voitteko voisitko viipymatta valittomasti heti nyt
    minut minua minulle teidan tama taman nama naita naiden kaikki kaikilta listalta listoilta
    listaltanne postituslistalta postituslistaltanne jakelulistalta sahkopostilistalta
    markkinointilistalta uutiskirjelistalta jakelusta viestit viestien viesteja mainokset mainosten
    mainoksia mainonta uutiskirje uutiskirjeen uutiskirjeet sahkopostit sahkopostien sahkoposteja
    lahettaminen markkinointi markkinoinnin osoitteeni sahkopostiosoitteeni
    hi hello dear sir madam team please kindly thanks thank you many in advance me my address from
    your the this these all list lists mailing emails email e mail mails message messages
    newsletter newsletters sending now immediately asap marketing any more at once i want would
    like to request
    hej tjena god dag tack pa forhand snalla vanligen omgaende omedelbart genast mig min adress
    fran er eran din denna den lista listan listor utskickslista mejllista maillista sandlista
    epostlista mejl epost post nyhetsbrev nyhetsbrevet utskick utskicken reklam alla jag onskar
    """.split()  # noqa: SIM905 - they read better as words
)
_CLOSING = re.compile(
    r"(?:ystavallisin )?(?:terveisin|terv|yt|t|terkuin)\b"
    r"|(?:best|kind|warm)? ?(?:regards|br|rgds)\b"
    r"|sincerely\b|cheers\b|(?:med )?(?:vanliga|vanlig|basta|b) ?(?:halsningar|halsning|h)\b|mvh\b"
    r"|(?:kiitos|kiittaen|thanks|thank you|tack)(?: etukateen| in advance| pa forhand)?$"
)
_ANSWER = re.compile(
    r"\s*(?:(?:re|vs|sv|fw|fwd|vb|vl|aw|ant|ynt)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE
)


def is_clear(text: str) -> bool:
    """Whether a text says nothing but: do not write to me."""
    left = " ".join(_before_closing(text))
    if not left or len(left.split()) > LONGEST_CLEAR:
        return False
    found = False
    for core in _CORES:
        left, times = core.subn(" ", left)
        found = found or times > 0
    return found and all(word in _BESIDE for word in left.split())


def asks(text: str) -> bool:
    """Whether the words of such a request, or near it, occur in a text."""
    folded = fold(text[:LONGEST_READ])
    return bool(_PERHAPS.search(folded)) or any(core.search(folded) for core in _CORES)


def own_subject(subject: str) -> str:
    """A subject the sender chose; empty for that of an answer, which is ours."""
    return "" if _ANSWER.match(subject) else subject


def fold(text: str) -> str:
    """Small letters without accents, words separated by one space."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\W_]+", " ", letters).split())


def _before_closing(text: str) -> list[str]:
    """The folded lines before "regards" and the name below it."""
    lines: list[str] = []
    for line in text.split("\n"):
        folded = fold(line)
        if lines and _CLOSING.match(folded):
            break
        if folded:
            lines.append(folded)
    return lines
