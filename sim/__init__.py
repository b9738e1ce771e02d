"""Discrete-event simulation of the pagoPA use case *Pagamento presso frontend dell'EC* (SANP 3.6.1)."""
