"""The recurrent models: a teacher that sees the whole action, a student that sees its beginning."""
