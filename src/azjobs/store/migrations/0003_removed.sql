-- Jobs whose rows are gone and whose files may still be there: the files are removed after the commit, and
-- whoever is killed in between is followed by a daemon that removes them.

CREATE TABLE removed (
    uuid TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
