"""Which worker answers next."""

from fastchat.dispatch.policies import POLICIES, Candidate, Policy
from fastchat.dispatch.table import Lease, Table

__all__ = ["POLICIES", "Candidate", "Lease", "Policy", "Table"]
