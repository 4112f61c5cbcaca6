"""The fixed keys of job functions and levels, with their labels and ranks."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mailer.languages import N_

OTHER: Final = "other"
UNKNOWN: Final = "unknown"

# The keys are stored in the database and in saved segments: add, never rename.
FUNCTION_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "general_management": N_("General management"),
        "finance": N_("Finance"),
        "payroll": N_("Payroll"),
        "hr": N_("Human resources"),
        "it": N_("IT"),
        "software": N_("Software"),
        "data": N_("Data and analytics"),
        "security": N_("Security"),
        "legal": N_("Legal and privacy"),
        "procurement": N_("Procurement"),
        "logistics": N_("Logistics"),
        "production": N_("Production"),
        "facilities": N_("Property and maintenance"),
        "engineering": N_("Engineering"),
        "rnd": N_("Research and development"),
        "quality": N_("Quality, environment and safety"),
        "sales": N_("Sales"),
        "marketing": N_("Marketing"),
        "communications": N_("Communications"),
        "customer_service": N_("Customer service"),
        "projects": N_("Projects"),
        "education": N_("Education"),
        "health": N_("Health and social care"),
        "research": N_("Research"),
        "administration": N_("Administration"),
        OTHER: N_("Other"),
    }
)

LEVEL_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "owner": N_("Owner or chair of the board"),
        "executive": N_("Top management"),
        "director": N_("Director"),
        "manager": N_("Manager"),
        "senior_specialist": N_("Senior specialist"),
        "specialist": N_("Specialist"),
        "support": N_("Support or trainee"),
        UNKNOWN: N_("Level not known"),
    }
)

# Steps of ten leave room for a level in between without touching stored ranks.
LEVEL_RANKS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "owner": 70,
        "executive": 60,
        "director": 50,
        "manager": 40,
        "senior_specialist": 30,
        "specialist": 20,
        "support": 10,
        UNKNOWN: 0,
    }
)

FLAG_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "deputy": N_("Deputy"),
        "former": N_("Former"),
        "board": N_("Board"),
        "acting": N_("Acting"),
    }
)

FUNCTIONS: Final = tuple(FUNCTION_LABELS)
LEVELS: Final = tuple(LEVEL_LABELS)
FLAGS: Final = tuple(FLAG_LABELS)


def rank_level(level: str) -> int:
    """The rank of a level for "manager and above" comparisons, 0 for a key that is not one."""
    return LEVEL_RANKS.get(level, 0)
