"""What speaks to Azure: HTTP to Resource Manager, sign-in through azure-identity.

Nothing is imported here: `azjobs.azure.describe` is for client processes, which
must not pay for aiohttp and azure-identity; the rest is for the daemon.
"""
