-- What listings ask for is answered by an index, and reads no document of a job that is not listed.
-- `parent` is the uuid of the batch that a job belongs to, "" for none.

ALTER TABLE jobs ADD COLUMN parent TEXT NOT NULL DEFAULT '';

CREATE INDEX jobs_of_parent ON jobs (parent) WHERE parent <> '';

CREATE INDEX jobs_ended ON jobs (state, ended_at, id, parent) WHERE ended_at IS NOT NULL;

CREATE INDEX jobs_named ON jobs (name, id, uuid) WHERE id IS NOT NULL;
