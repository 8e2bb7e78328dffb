"""A worker and a gateway in front of an engine, beside the engine alone. `make bench-engines`"""
