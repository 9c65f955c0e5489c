-- Lists are filtered, sorted and counted from this index alone: the states, which are many times wider, are read of the
-- exports of one page only. What it holds beside the key changes with the status, not with each step of progress.

CREATE INDEX exports_listed ON exports (account_id, created_at DESC, export_id)
    INCLUDE (status, rows_count, updated_at, time_format, time_zone_name);

DROP INDEX exports_of_account;

-- How many exports an account has, is counted here: a fifteenth of the index above.
CREATE INDEX exports_counted ON exports (account_id);
