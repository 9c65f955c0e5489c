"""Exports call detail records: a request comes in by HTTP or Kafka, a verified file comes out of ClickHouse."""

__version__ = "0.1.0"
