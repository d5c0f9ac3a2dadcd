"""A strict, local Azure over TLS: Entra sign-in and Azure Resource Manager in one process on one loopback port.

Nothing is imported here, so that `azjobs.simulator.launch` (standard library only) stays fast to import:
`launch` starts and stops the process, `control.ControlClient` steers it, `server.Simulator` and
`threaded.SimulatorThread` run it inside a test.
"""
