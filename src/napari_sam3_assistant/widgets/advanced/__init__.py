"""Advanced mode: every control, step by step."""
