"""What crosses the wire: records as bytes, topics, keys, headers, dead letters, and objects of the store as JSON."""
