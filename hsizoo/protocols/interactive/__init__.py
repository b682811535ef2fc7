"""The interactive protocol: a simulated user clicks, the component answers, it is scored."""
