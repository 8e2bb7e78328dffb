"""Which worker answers next."""

from fastchat.dispatch.budget import RetryBudget
from fastchat.dispatch.engine import DispatchedEngine
from fastchat.dispatch.following import Following
from fastchat.dispatch.policies import POLICIES, Candidate, Policy, Question
from fastchat.dispatch.probing import Probing
from fastchat.dispatch.routes import Routes
from fastchat.dispatch.row import SILENT_S, Outcome
from fastchat.dispatch.table import Lease, Table

__all__ = [
    "POLICIES",
    "SILENT_S",
    "Candidate",
    "DispatchedEngine",
    "Following",
    "Lease",
    "Outcome",
    "Policy",
    "Probing",
    "Question",
    "RetryBudget",
    "Routes",
    "Table",
]
