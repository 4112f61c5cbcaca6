"""The other SES operations, and the table that leads from an operation's name to its code."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from mailer.stand_in.account import DEFAULT_SET, Account, Pace, Quota
from mailer.stand_in.addresses import bare_address, domain_of
from mailer.stand_in.errors import ApiError
from mailer.stand_in.faults import Faults
from mailer.stand_in.protocol import Caller
from mailer.stand_in.sending import Sending

Params = dict[str, Any]
Answer = Mapping[str, Any]
SUPPRESSED_REASONS: Final = ["BOUNCE", "COMPLAINT"]
PUBLISHED: Final = [
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
]


class Operations:
    """Answers every operation that is spoken."""

    def __init__(
        self,
        *,
        account: Account,
        pace: Pace,
        quota: Quota,
        faults: Faults,
        sending: Sending,
        topic_arn: str,
    ) -> None:
        """Takes the parts whose state the operations read and change."""
        self._account = account
        self._pace = pace
        self._quota = quota
        self._faults = faults
        self._topic_arn = topic_arn
        self._table: dict[str, Callable[[Params], Answer]] = {
            "GetAccount": self._get_account,
            "GetEmailIdentity": self._get_identity,
            "CreateEmailIdentity": self._create_identity,
            "ListEmailIdentities": self._list_identities,
            "GetConfigurationSet": self._get_configuration_set,
            "GetConfigurationSetEventDestinations": self._get_event_destinations,
            "PutSuppressedDestination": self._put_suppressed,
            "GetSuppressedDestination": self._get_suppressed,
            "DeleteSuppressedDestination": self._delete_suppressed,
            "ListSuppressedDestinations": self._list_suppressed,
        }
        self._sends = {"SendEmail": sending.send_email, "SendBulkEmail": sending.send_bulk_email}

    def sends(self, name: str) -> bool:
        """Whether the operation sends mail, so that faults apply to it."""
        return name in self._sends

    def answer(self, name: str, params: Params, caller: Caller) -> Answer:
        """The operation's result. Raises ApiError."""
        send = self._sends.get(name)
        return send(params, caller) if send else self._table[name](params)

    def _get_account(self, _params: Params) -> Answer:
        settings = self._faults.settings
        return {
            "DedicatedIpAutoWarmupEnabled": False,
            "EnforcementStatus": "SHUTDOWN" if settings.account_suspended else "HEALTHY",
            "ProductionAccessEnabled": True,
            "SendQuota": {
                "Max24HourSend": float(self._quota.limit),
                "MaxSendRate": float(self._pace.rate),
                "SentLast24Hours": float(self._quota.used()),
            },
            "SendingEnabled": not (settings.account_suspended or settings.sending_paused),
            "SuppressionAttributes": {"SuppressedReasons": SUPPRESSED_REASONS},
            "VdmAttributes": {"VdmEnabled": "DISABLED"},
        }

    def _get_identity(self, params: Params) -> Answer:
        name = params["EmailIdentity"]
        if not self._account.knows(name):
            raise ApiError("NotFoundException", f"Email identity {name} does not exist.")
        verified = self._account.is_verified(name)
        status = "SUCCESS" if verified else "PENDING"
        return {
            "IdentityType": _identity_type(name),
            "FeedbackForwardingStatus": False,
            "VerifiedForSendingStatus": verified,
            "VerificationStatus": status,
            "DkimAttributes": _dkim(name, verified=verified),
            "MailFromAttributes": {
                "MailFromDomain": f"bounce.{domain_of(name.lower())}",
                "MailFromDomainStatus": status,
                "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
            },
            "Policies": {},
            "Tags": [],
            "ConfigurationSetName": DEFAULT_SET,
        }

    def _create_identity(self, params: Params) -> Answer:
        name = params["EmailIdentity"]
        bare_address(name if "@" in name else f"postmaster@{name}")
        verified = self._account.create_identity(name)
        return {
            "IdentityType": _identity_type(name),
            "VerifiedForSendingStatus": verified,
            "DkimAttributes": _dkim(name, verified=verified),
        }

    def _list_identities(self, params: Params) -> Answer:
        wanted = params.get("Filter") or {}
        listed = [
            identity
            for identity in map(self._identity_info, self._account.identities())
            if wanted.get("IDENTITY_NAME_CONTAINS", "") in identity["IdentityName"]
            and wanted.get("IDENTITY_TYPE") in {None, identity["IdentityType"]}
            and wanted.get("VERIFICATION_STATUS") in {None, identity["VerificationStatus"]}
        ]
        page, token = _page(listed, params)
        return {"EmailIdentities": page, **token}

    def _identity_info(self, name: str) -> dict[str, Any]:
        verified = self._account.is_verified(name)
        return {
            "IdentityType": _identity_type(name),
            "IdentityName": name,
            "SendingEnabled": verified,
            "VerificationStatus": "SUCCESS" if verified else "PENDING",
        }

    def _get_configuration_set(self, params: Params) -> Answer:
        name = self._account.check_configuration_set(params["ConfigurationSetName"])
        return {
            "ConfigurationSetName": name,
            "DeliveryOptions": {"TlsPolicy": "REQUIRE"},
            "ReputationOptions": {"ReputationMetricsEnabled": True},
            "SendingOptions": {"SendingEnabled": not self._faults.settings.sending_paused},
            "SuppressionOptions": {"SuppressedReasons": SUPPRESSED_REASONS},
            "VdmOptions": {"DashboardOptions": {"EngagementMetrics": "DISABLED"}},
            "Tags": [],
        }

    def _get_event_destinations(self, params: Params) -> Answer:
        self._account.check_configuration_set(params["ConfigurationSetName"])
        return {
            "EventDestinations": [
                {
                    "Name": "sns",
                    "Enabled": True,
                    "MatchingEventTypes": PUBLISHED,
                    "SnsDestination": {"TopicArn": self._topic_arn},
                }
            ]
        }

    def _put_suppressed(self, params: Params) -> Answer:
        self._account.suppress(bare_address(params["EmailAddress"]), params["Reason"])
        return {}

    def _get_suppressed(self, params: Params) -> Answer:
        return {"SuppressedDestination": self._account.suppression(params["EmailAddress"])}

    def _delete_suppressed(self, params: Params) -> Answer:
        self._account.release(params["EmailAddress"])
        return {}

    def _list_suppressed(self, params: Params) -> Answer:
        reasons = params.get("Reasons") or SUPPRESSED_REASONS
        start, end = params.get("StartDate"), params.get("EndDate")
        wanted = [
            entry
            for entry in self._account.suppressions()
            if entry["Reason"] in reasons
            and (start is None or entry["LastUpdateTime"] >= start)
            and (end is None or entry["LastUpdateTime"] <= end)
        ]
        page, token = _page(wanted, params, refusal="InvalidNextTokenException")
        return {"SuppressedDestinationSummaries": page, **token}


def _identity_type(name: str) -> str:
    return "EMAIL_ADDRESS" if "@" in name else "DOMAIN"


def _dkim(name: str, *, verified: bool) -> dict[str, Any]:
    domain = domain_of(name.lower())
    tokens = [hashlib.sha256(f"{domain}{i}".encode()).hexdigest()[:32] for i in range(3)]
    return {
        "SigningEnabled": True,
        "Status": "SUCCESS" if verified else "PENDING",
        "Tokens": tokens,
        "SigningAttributesOrigin": "AWS_SES",
        "NextSigningKeyLength": "RSA_2048_BIT",
        "CurrentSigningKeyLength": "RSA_2048_BIT",
    }


def _page(
    items: list[Any], params: Params, *, refusal: str = "BadRequestException"
) -> tuple[list[Any], dict[str, str]]:
    size = params.get("PageSize") or 100
    start = 0
    if params.get("NextToken"):
        try:
            start = int(base64.urlsafe_b64decode(params["NextToken"]))
        except (binascii.Error, ValueError):
            raise ApiError(refusal, "NextToken is not valid.") from None
        if start < 0:
            raise ApiError(refusal, "NextToken is not valid.")
    end = start + size
    if end >= len(items):
        return items[start:end], {}
    return items[start:end], {"NextToken": base64.urlsafe_b64encode(str(end).encode()).decode()}
