//! Floor 1: polite HTTP. One client with one TLS configuration, bodies read under a cap and a deadline, faults in
//! our own classes. Knows no Jira, no Plausible and no configuration; limits come as plain values.
