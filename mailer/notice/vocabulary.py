"""The words that a notice may use: closed lists, each key with what people read.

A key outside these lists is refused, and what a notice does not name is off. Lists that steer the
product come first; those at the end are told to people and steer nothing yet.
"""

from mailer.languages import N_

# A campaign names one of these, and the gate weighs it (R40, R51).
PURPOSES = {
    "customer_communication": N_("Customer communication"),
    "after_sales_marketing": N_("Marketing to customers"),
    "new_customer_acquisition": N_("New-customer acquisition"),
    "e_marketing": N_("Electronic direct marketing"),
    "market_research": N_("Market and opinion research"),
    "events": N_("Events"),
}
# What else a register is used for; no campaign can name them.
OTHER_PURPOSES = {
    "customer_care": N_("Care of customers, their orders and contracts"),
    "service_quality": N_("Quality and development of services"),
    "postal_marketing": N_("Direct marketing by post"),
    "distance_selling": N_("Distance selling by phone"),
    "ad_targeting": N_("Targeting of advertisements"),
    "web_content": N_("Personal content on our web sites"),
    "statistics": N_("Statistics"),
    "profiling": N_("Profiling for marketing, without legal effects"),
}
ALL_PURPOSES = PURPOSES | OTHER_PURPOSES
BASES = {
    "legitimate_interest": N_("Legitimate interest"),
    "consent": N_("Consent"),
    "contract": N_("Contract"),
    "legal_obligation": N_("Legal obligation"),
}
SOURCE_KINDS = {
    "data_subject": N_("The person"),
    "order": N_("Order"),
    "form": N_("Form"),
    "system_entry": N_("Entered by staff"),
    "employer": N_("The employer"),
    "authority": N_("Public authority"),
    "update_service": N_("Update service"),
    "service_provider": N_("Service provider or subcontractor"),
    "b2b_supplier": N_("B2B list supplier"),
    "social_media": N_("Social media"),
    "public_web": N_("Public web"),
    "cookies": N_("Cookies"),
    "email_tracking": N_("E-mail tracking"),
    "group_app": N_("Group company's application"),
    "partner_system": N_("Partner's system"),
}
# Sources outside the controller and the person: their legality must be assured (R34).
THIRD_PARTY_SOURCES = frozenset({"b2b_supplier", "partner_system"})
# Data that came from the person themselves needs no Article 14 information (R48).
OWN_SOURCES = frozenset({"data_subject", "order", "form"})

PERSON_KINDS = {
    "organisation_contact": N_("Contact persons of organisations"),
    "shared_mailbox": N_("Shared addresses of organisations"),
    "sole_trader": N_("Sole traders"),
    "private_person": N_("Private persons"),
}
TRACKING_MODES = {
    "off": N_("Not recorded"),
    "last_date_only": N_("Only the date of the last one is recorded"),
    "aggregate": N_("Only totals are recorded, without persons"),
    "individual": N_("Recorded for each person"),
}

FIELDS = {
    "first_name": N_("First name"),
    "last_name": N_("Last name"),
    "email": N_("E-mail address"),
    "phone": N_("Phone"),
    "title": N_("Job title"),
    "duties": N_("Duties"),
    "language": N_("Language"),
    "note": N_("Note"),
    "tags": N_("Tags"),
    "company_name": N_("Company"),
    "business_id": N_("Business ID"),
    "industry_code": N_("Industry code"),
    "industry_name": N_("Industry"),
    "headcount": N_("Head-count"),
    "turnover_eur": N_("Turnover (EUR)"),
    "result_eur": N_("Result (EUR)"),
    "street": N_("Street address"),
    "postal_code": N_("Postal code"),
    "city": N_("City"),
    "country": N_("Country"),
}
# What may be written down of dealings with a person or a company (R23-R27). The commercial ones
# are under a statutory hold and never merge data of marketing (R24, R104).
INTERACTION_KINDS = {
    "note": N_("Note"),
    "call": N_("Phone call"),
    "email_thread": N_("E-mail conversation"),
    "meeting": N_("Meeting"),
    "contact_request": N_("Contact request"),
    "support_request": N_("Support request"),
    "offer": N_("Offer"),
    "order": N_("Order"),
    "contract": N_("Contract"),
    "delivery": N_("Delivery"),
    "invoice": N_("Invoice"),
    "payment": N_("Payment"),
    "complaint": N_("Complaint about goods or services"),
    "warranty": N_("Warranty matter"),
    "interest": N_("Area of interest"),
    "portal_log": N_("Use of the customer portal"),
    "web_visit": N_("Visit to a web site"),
    "offer_document": N_("Offer document"),
}
COMMERCIAL_KINDS = frozenset(
    {"order", "contract", "delivery", "invoice", "payment", "complaint", "warranty"}
)
# From when a period of retention runs. The gate counts from these and from nothing else.
PROSPECT_STARTS = {"collection": N_("from the day the data was collected")}
CUSTOMER_STARTS = {"customership_end": N_("from the end of the customership")}

# How surely a person who asks for data must be known (R82).
IDENTITY_LEVELS = {
    "facts": N_("We make sure who you are before data is handed over."),
    "signature": N_("Sign the request, or confirm it in an equal way."),
}
REQUEST_CHANNELS = {
    "email": N_("by e-mail"),
    "letter": N_("by letter"),
    "form": N_("with a form"),
    "phone": N_("by phone"),
    "visit": N_("on a visit"),
}
UNDERTAKINGS = {
    "signed": N_("Every user has signed an undertaking of confidentiality."),
    "contract": N_(
        "An undertaking of confidentiality is part of every user's employment contract."
    ),
    "duty": N_("Every user is bound by a duty of confidentiality."),
}

# From here on: told to people. Nothing else in the product reads it.
# The interest that a purpose serves: what must be told where it is the basis (GDPR 13(1)(d)).
INTERESTS = {
    "customer_communication": N_("keeping our customers informed"),
    "after_sales_marketing": N_("telling our customers about our products and services"),
    "new_customer_acquisition": N_("finding new customers among organisations"),
    "e_marketing": N_("telling people at work about what concerns their duties"),
    "market_research": N_("learning what is needed at work"),
    "events": N_("inviting people to events that concern their work"),
    "customer_care": N_("taking care of our customers"),
    "service_quality": N_("proving and improving our service"),
    "postal_marketing": N_("telling about our products and services by post"),
    "distance_selling": N_("telling about our products and services by phone"),
    "ad_targeting": N_("showing advertisements to those whom they concern"),
    "web_content": N_("showing visitors what concerns them"),
    "statistics": N_("knowing how our business is doing"),
    "profiling": N_("offering what fits each customer"),
}
# Data that a notice may name and the register has no place for, so it is never stored.
OTHER_DATA = {
    "customer_number": N_("Customer number"),
    "lead_number": N_("Number of a sales lead"),
    "user_id": N_("User name"),
    "password": N_("Password, as a code from which it cannot be read"),
    "degree": N_("Degree"),
    "web_address": N_("Web address"),
    "location": N_("Location of the company"),
}
RECIPIENTS = {
    "group_company": N_("Companies of the same group"),
    "marketing_service": N_("Those who carry out our marketing"),
    "value_added_service": N_("Providers of additional services"),
    "ict": N_("Providers of information systems and their support"),
    "credit": N_("Credit rating and checks of customers"),
    "collection": N_("Debt collection"),
    "invoicing": N_("Invoicing"),
    "accounting": N_("Accounting and financial administration"),
    "payment": N_("Payment services"),
    "carrier": N_("Carriers"),
    "product_supplier": N_("Suppliers of products"),
    "distribution_partner": N_("Distribution partners"),
    "exceptional": N_("Partners who help in exceptional situations"),
    "legal_claim": N_("Those who handle legal claims"),
    "authority": N_("Authorities, where the law requires it"),
}
SERVICES = {
    "sending": N_("sends e-mail"),
    "hosting": N_("hosts the register"),
    "storage": N_("stores files"),
    "crm": N_("customer management"),
    "analytics": N_("web analytics"),
}
TRANSFER_BASES = {
    "adequacy": N_("an adequacy decision of the European Commission"),
    "standard_clauses": N_("the standard contractual clauses of the European Commission"),
}
EEA = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
    | {"IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"}
)
MEASURES = {
    "personal_accounts": N_("Each user has a user name and a password of their own."),
    "need_to_know": N_("Only those who need the data in their work may use it."),
    "firewall": N_("The systems are protected technically against attacks."),
    "instructions": N_("Those who use the register have been instructed."),
    "locked_archive": N_("Papers are kept in locked rooms and destroyed safely."),
    "premises": N_("Rooms are locked and watched."),
    "breach_notice": N_("If data is breached, the authority and the people concerned are told."),
    "provider_contract": N_("Whoever runs the systems for us is bound by a contract."),
}
COOKIES = {
    "functional": N_("what a web site needs to work"),
    "analytics": N_("analysis of visits"),
    "marketing": N_("marketing"),
}
ERASURE_LIMITS = {
    "law": N_("the law"),
    "authority": N_("an authority's order"),
    "customer_care": N_("the care of an ongoing customership"),
    "assignment": N_("an open assignment"),
    "invoice": N_("an open invoice"),
    "collection": N_("debt collection"),
    "contact_person": N_("the duty of a customer's contact person, for as long as it lasts"),
}
STATUTES = {
    "gdpr": N_("General Data Protection Regulation (EU) 2016/679"),
    "data_protection_act": N_("Data Protection Act 1050/2018"),
    "personal_data_act": N_("Personal Data Act 523/1999"),
}
# Repealed on 1 January 2019 by the Data Protection Act (R16).
REPEALED_STATUTES = frozenset({"personal_data_act"})
# Name, where it is, and its web site. Checked in November 2026 (R94).
AUTHORITIES = {
    "fi": (
        N_("Office of the Data Protection Ombudsman"),
        "Lintulahdenkuja 4, 00530 Helsinki; PL 800, 00531 Helsinki; tietosuoja@om.fi",
        "https://tietosuoja.fi",
    ),
}
