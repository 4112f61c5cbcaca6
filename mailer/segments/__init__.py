"""Which people a campaign is for: rule tree to SQL, counts, words."""
