-- A job that is called by its whole name is searched for, in any case of its letters.

DROP INDEX jobs_named;

CREATE INDEX jobs_named ON jobs (name COLLATE NOCASE, id, uuid) WHERE id IS NOT NULL;
