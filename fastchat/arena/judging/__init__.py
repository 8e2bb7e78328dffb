"""A model as the judge of battles: what it is asked, and what its answer means."""
