"""Values to text and documents: one module per plugin, `explain` for one subject, `text` for what they share."""
