-- Rows that hold no job that can be read: set aside, so that the others go on.

CREATE TABLE unreadable (
    uuid TEXT PRIMARY KEY,
    id INTEGER,
    document BLOB
) STRICT;
