"""Tables and figures made from stored records; nothing here runs a component."""
