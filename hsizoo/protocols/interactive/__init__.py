"""The interactive protocol: a simulated user clicks, the component answers, the answer is scored."""
