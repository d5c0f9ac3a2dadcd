"""This process: who it is, its current context, its handles to jobs.

Layers above use these (each module says more):

    contexts    resolve_context, get_az_context, set_az_context, select_az_context, autosave
    context     Context
    signing_in  connect_az_account
    signing_out disconnect_az_account
    credentials get_credential, and the named credentials of a session
    plans       run_plan, read_plan, what_if: Azure work, blocking or as a job
    jobs        Job
    job_list    get_job, wait_job, remove_job
    job_stopping stop_job, resume_job
    answering   answer_job
    receiving   receive_job
    selecting   which jobs are meant: names, states, commands, labels, times
    starting    start_job
    tracking    track
    shapes      which type the result of a plan has
    identity    which session this process belongs to

Nothing here imports azure.*, aiohttp, asyncio or rich when it is imported.
"""
