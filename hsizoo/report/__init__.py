"""Tables and figures made from stored records, without running components."""
