"""Operations on label arrays, their undo, and the objects a user has made."""
