"""What the gateway costs, beside nginx and other gateways. `make bench-gateway`"""
