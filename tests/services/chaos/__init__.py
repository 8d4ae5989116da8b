"""Faults for the ingest: processes that die and freeze, a store and a broker that fail, all counted."""
