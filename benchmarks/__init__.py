"""What a user waits for, and how good the answers are."""
