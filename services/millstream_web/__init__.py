"""HTTP for browsers and probes. A gRPC client of the api and nothing more."""
