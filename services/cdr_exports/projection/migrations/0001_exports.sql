-- The read model: what the log says of each export so far, and up to where the log has been folded into it.
-- All of it can be dropped and made again from the log.

CREATE TABLE exports (
    export_id      uuid PRIMARY KEY,
    -- What follows up to `state` repeats parts of the state for conditions and order in SQL.
    -- NULL until the request has been read: an event can be read before it, and the row is not shown until then.
    account_id     bigint,
    status         text NOT NULL CONSTRAINT exports_status_known
                       CHECK (status IN ('Pending', 'Completed', 'Failed', 'Deleted')),
    rows_count     bigint,
    created_at     timestamptz,
    updated_at     timestamptz,
    time_format    text,
    time_zone_name text,
    -- The state of the fold, whole: after a restart folding goes on from here. json and not jsonb, because it keeps
    -- the text as it was written and takes every character that a request can hold.
    state          json NOT NULL,
    CONSTRAINT exports_request_whole CHECK (num_nulls(account_id, created_at, time_format) IN (0, 3))
);

-- The list of an account's exports, newest first.
CREATE INDEX exports_of_account ON exports (account_id, created_at DESC, export_id);

CREATE TABLE projection_offsets (
    topic           text,
    partition       integer,
    -- The next record to read. Saved in the transaction that saves what the records before it made.
    next_offset     bigint NOT NULL DEFAULT 0,
    -- Every record that this partition had at this instant, by this server's clock, has been applied; NULL: not known.
    complete_before timestamptz,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50); -- each row changes about once a second
