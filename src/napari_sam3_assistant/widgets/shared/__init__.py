"""Controls that both modes show."""
