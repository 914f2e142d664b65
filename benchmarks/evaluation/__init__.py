"""How good an engine's masks are: pictures with truth, simulated users, tables."""
