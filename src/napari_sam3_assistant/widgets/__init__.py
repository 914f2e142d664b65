"""Qt only: draws the state and calls the controllers."""
