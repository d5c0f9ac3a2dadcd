-- The store as it began. `document` is the JSON of `core.job.Job`; the columns beside it are copies for finding.
-- `job_format` is the highest `core.job.FORMAT` that ever wrote here.

CREATE TABLE head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    epoch INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    job_format INTEGER NOT NULL
) STRICT;

INSERT INTO head (only, epoch, last_id, job_format) VALUES (1, 0, 0, 0);

CREATE TABLE jobs (
    uuid TEXT PRIMARY KEY,
    id INTEGER UNIQUE,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    type TEXT NOT NULL,
    session TEXT NOT NULL,
    submitted_at REAL NOT NULL,
    ended_at REAL,
    document TEXT NOT NULL
) STRICT;

CREATE INDEX jobs_unfinished ON jobs (submitted_at, uuid) WHERE ended_at IS NULL;

CREATE TABLE payloads (
    uuid TEXT PRIMARY KEY,
    payload BLOB NOT NULL
) STRICT;

CREATE TABLE sign_ins (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
