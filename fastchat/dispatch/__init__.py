"""Which worker answers next."""

from fastchat.dispatch.following import Following
from fastchat.dispatch.policies import POLICIES, Candidate, Policy
from fastchat.dispatch.table import Lease, Table

__all__ = ["POLICIES", "Candidate", "Following", "Lease", "Policy", "Table"]
