-- All SQL of the store, but for what makes its tables (migrations/). Each statement is found by the name above it.

-- schema_version --
PRAGMA user_version;

-- application --
PRAGMA application_id;

-- count_tables --
SELECT count(*) FROM sqlite_schema;

-- job_format --
SELECT job_format FROM head;

-- begin_reading --
BEGIN DEFERRED;

-- begin --
BEGIN IMMEDIATE;

-- commit --
COMMIT;

-- rollback --
ROLLBACK;

-- raise_epoch --
UPDATE head SET epoch = epoch + 1, job_format = max(job_format, :job_format) RETURNING epoch, last_id;

-- fence --
UPDATE head SET last_id = max(last_id, :last_id) WHERE epoch = :epoch;

-- save_job --
INSERT INTO jobs (uuid, id, name, state, type, session, parent, submitted_at, ended_at, is_notice_due, document)
VALUES (:uuid, :id, :name, :state, :type, :session, :parent, :submitted_at, :ended_at, :is_notice_due, :document)
ON CONFLICT (uuid) DO UPDATE SET
    id = excluded.id, name = excluded.name, state = excluded.state, type = excluded.type, session = excluded.session,
    parent = excluded.parent, submitted_at = excluded.submitted_at, ended_at = excluded.ended_at,
    is_notice_due = excluded.is_notice_due, document = excluded.document;

-- remove_job --
DELETE FROM jobs WHERE uuid = ?;

-- save_removed --
INSERT OR IGNORE INTO removed (uuid) VALUES (?);

-- drop_removed --
DELETE FROM removed WHERE uuid = ?;

-- load_removed --
SELECT uuid FROM removed ORDER BY uuid;

-- newest_ends --
SELECT ended_at, id FROM jobs
WHERE state = :state AND ended_at IS NOT NULL AND id IS NOT NULL AND parent = ''
ORDER BY ended_at DESC, id DESC LIMIT :count;

-- find_ended --
SELECT ended_at, id, uuid FROM jobs
WHERE state = :state AND ended_at IS NOT NULL AND (ended_at, id) <= (:ended_at, :id) AND id IS NOT NULL AND parent = '';

-- oldest_end --
SELECT ended_at FROM jobs
WHERE state = :state AND ended_at IS NOT NULL AND id IS NOT NULL AND parent = ''
ORDER BY ended_at LIMIT 1;

-- has_job --
SELECT 1 FROM jobs WHERE uuid = ?;

-- load_job --
SELECT document FROM jobs WHERE uuid = ?;

-- load_unfinished_jobs --
SELECT document FROM jobs WHERE ended_at IS NULL ORDER BY submitted_at, rowid;

-- load_attached_jobs --
SELECT document FROM jobs WHERE id IS NULL ORDER BY submitted_at, rowid;

-- load_notices_due --
SELECT document FROM jobs WHERE is_notice_due = 1;

-- load_jobs --
SELECT document FROM jobs ORDER BY submitted_at, rowid;

-- load_children --
SELECT document FROM jobs WHERE parent = ? AND parent <> '' ORDER BY rowid;

-- load_uuids_of_children --
SELECT uuid FROM jobs WHERE parent = ? AND parent <> '' ORDER BY rowid;

-- save_payload --
INSERT INTO payloads (uuid, payload) VALUES (?, ?) ON CONFLICT (uuid) DO UPDATE SET payload = excluded.payload;

-- drop_payload --
DELETE FROM payloads WHERE uuid = ?;

-- load_payload --
SELECT payload FROM payloads WHERE uuid = ?;

-- save_sign_in --
INSERT INTO sign_ins (scope, key, document) VALUES (?, ?, ?)
ON CONFLICT (scope, key) DO UPDATE SET document = excluded.document;

-- drop_sign_in --
DELETE FROM sign_ins WHERE scope = ? AND key = ?;

-- load_sign_ins --
SELECT scope, document FROM sign_ins ORDER BY scope, key;

-- checkpoint --
PRAGMA wal_checkpoint(PASSIVE);

-- read_visible_jobs --
SELECT document FROM jobs WHERE id IS NOT NULL ORDER BY id;

-- read_jobs_by_id --
SELECT document FROM jobs WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id;

-- read_jobs_by_uuid --
SELECT document FROM jobs WHERE uuid IN (SELECT value FROM json_each(?)) ORDER BY id, submitted_at, uuid;

-- has_unfinished_jobs --
SELECT EXISTS (SELECT 1 FROM jobs WHERE ended_at IS NULL);

-- read_unfinished_jobs --
SELECT document FROM jobs INDEXED BY jobs_unfinished
WHERE ended_at IS NULL AND id IS NOT NULL AND (:parent IS NULL OR parent = :parent);

-- read_ended_jobs --
SELECT document, ended_at, id FROM jobs
WHERE state = :state AND ended_at IS NOT NULL AND ended_at > :after AND ended_at < :before
    AND id IS NOT NULL AND (:parent IS NULL OR parent = :parent)
ORDER BY ended_at DESC, id DESC LIMIT :newest;

-- count_ended_jobs --
SELECT count(*) FROM jobs
WHERE state IN (SELECT value FROM json_each(:states)) AND ended_at IS NOT NULL
    AND id IS NOT NULL AND (:parent IS NULL OR parent = :parent);

-- read_jobs_of_parent --
SELECT document FROM jobs WHERE parent = :parent AND parent <> '';

-- find_called_jobs --
SELECT uuid FROM jobs WHERE id IS NOT NULL AND name = :name COLLATE NOCASE
UNION ALL SELECT uuid FROM jobs WHERE id = :id AND name = '';

-- find_named_jobs --
SELECT uuid FROM jobs
WHERE id IS NOT NULL AND fits(CASE name WHEN '' THEN 'Job' || id ELSE name END);

-- quick_check --
PRAGMA quick_check(1);

-- find_unfinished_jobs --
SELECT uuid, id, document FROM jobs WHERE ended_at IS NULL ORDER BY submitted_at, uuid;

-- set_aside --
INSERT OR REPLACE INTO unreadable (uuid, id, document) SELECT uuid, id, CAST(document AS BLOB) FROM jobs WHERE uuid = ?;

-- salvage_jobs --
SELECT rowid, document FROM jobs NOT INDEXED WHERE rowid >= :low AND rowid < :high ORDER BY rowid;

-- salvage_payloads --
SELECT rowid, uuid, payload FROM payloads NOT INDEXED WHERE rowid >= :low AND rowid < :high ORDER BY rowid;

-- salvage_sign_ins --
SELECT scope, key, document FROM sign_ins;

-- salvage_head --
SELECT epoch, last_id FROM head;

-- salvaged_head --
UPDATE head SET epoch = :epoch, last_id = :last_id;

-- page_count --
PRAGMA page_count;
