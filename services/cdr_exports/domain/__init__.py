"""What is true of exports whoever runs them: names, filters, slices, parts, events, the life of an export.

Pure: standard library only, no input or output, no clock, no random.
"""
