"""From votes to numbers: Bradley-Terry, intervals, rank ranges, how fragile the first place is."""
