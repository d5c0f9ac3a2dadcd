-- Jobs that have ended and whose notice has not been given: a daemon that is killed in between is followed by one
-- that gives it.

ALTER TABLE jobs ADD COLUMN is_notice_due INTEGER NOT NULL DEFAULT 0;

CREATE INDEX jobs_notice_due ON jobs (uuid) WHERE is_notice_due = 1;
