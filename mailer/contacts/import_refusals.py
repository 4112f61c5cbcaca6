"""Why an import is refused or has stopped, in words."""

from mailer.contacts.csv_file import PROBLEMS
from mailer.languages import N_, gettext

REFUSALS = {
    "no_notice": N_(
        "No privacy notice is in force, so nothing may be imported. Publish the notice first."
    ),
    "source_name_missing": N_("Say where the contacts came from."),
    "source_kind_unknown": N_("Choose what kind of source it is."),
    "source_kind_undeclared": N_("The privacy notice does not declare sources of this kind."),
    "basis_unknown": N_("Choose the legal basis on which the contacts are kept."),
    "dated_in_future": N_("The date of the source is in the future."),
    "url_missing": N_("Data from the public web needs the address of the page."),
    "assurance_undated": N_("Give both the supplier's assurance and its date, or neither."),
    "no_email_column": N_("No column is chosen as the e-mail address."),
    "rule_unknown": N_("There is no such rule for updates."),
    "wrong_state": N_("The import is not in a state in which this can be done."),
    "file_gone": N_("The file was deleted after seven days. Upload it again."),
    "another_runs": N_("Another import is under way. Undo this one when that has ended."),
    "undo_too_late": N_("An import can be undone for seven days."),
    **PROBLEMS,
}
FAILURES = {
    "unexpected": N_("Something unexpected happened. Rows done so far are in the register."),
    "gave_up": N_("The import stopped several times. Rows done so far are in the register."),
}


class ImportRefusedError(Exception):
    """What was asked for cannot be done; `code` is a key of REFUSALS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def sentence(self) -> str:
        """Why, in the language in force."""
        return gettext(REFUSALS[self.code])
