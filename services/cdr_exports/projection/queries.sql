-- The statements of the projection, by name. States travel as text: what is read is what was written.

-- name: one
-- One export as its owner may see it, and the server's time; always one row.
SELECT clock_timestamp() AS asked_at,
       (SELECT state::text FROM exports
         WHERE export_id = %(export_id)s AND account_id = ANY(%(account_ids)s)) AS state

-- name: page
-- A page of the exports of some accounts, newest first if no other order is asked for. Each account gives what it can at
-- most add to the page, out of its index; only then are the states read, of the page alone.
SELECT (SELECT state::text FROM exports WHERE exports.export_id = page.export_id) AS state
  FROM (SELECT found.*
          FROM unnest(%(account_ids)s::bigint[]) AS visible (account_id)
         CROSS JOIN LATERAL (
               SELECT export_id, status, rows_count, created_at, updated_at, time_format, time_zone_name
                 FROM exports
                WHERE exports.account_id = visible.account_id /* conditions */
                ORDER BY /* order */ created_at DESC, export_id
                LIMIT %(through)s) AS found
         ORDER BY /* order */ created_at DESC, export_id
         LIMIT %(limit)s OFFSET %(offset)s) AS page
 ORDER BY /* order */ created_at DESC, export_id

-- name: count
-- How many exports some accounts have.
SELECT count(*) AS total FROM exports WHERE account_id = ANY(%(account_ids)s::bigint[]) /* conditions */

-- name: texts
-- The states of some exports, for those who were let see them before.
SELECT export_id, state::text AS state
  FROM exports
 WHERE export_id = ANY(%(export_ids)s::uuid[]) AND account_id IS NOT NULL

-- name: progress
-- How far the topics have been applied, by partition.
SELECT topic, partition, next_offset, complete_before FROM projection_offsets

-- name: now
-- The server's time: the one clock that projector and readers share.
SELECT clock_timestamp() AS now

-- name: add_partitions
-- Partitions of which nothing has been applied yet.
INSERT INTO projection_offsets (topic, partition)
SELECT * FROM unnest(%(topics)s::text[], %(partitions)s::integer[])
    ON CONFLICT DO NOTHING

-- name: offsets
-- Where to read on.
SELECT topic, partition, next_offset FROM projection_offsets

-- name: lock_offsets
-- Where the partitions of a batch stand, held until the end of the transaction: one projector a partition at a time.
SELECT topic, partition, next_offset
  FROM projection_offsets
 WHERE (topic, partition) IN (SELECT * FROM unnest(%(topics)s::text[], %(partitions)s::integer[]))
 ORDER BY topic, partition
   FOR UPDATE

-- name: save_offset
-- Moves a partition forward; never back.
UPDATE projection_offsets SET next_offset = %(next_offset)s
 WHERE topic = %(topic)s AND partition = %(partition)s AND next_offset < %(next_offset)s

-- name: skip_offsets
-- Moves a partition over offsets that hold no record, unless it is not where it was thought to be.
UPDATE projection_offsets SET next_offset = %(next_offset)s
 WHERE topic = %(topic)s AND partition = %(partition)s AND next_offset = %(applied)s

-- name: save_complete_before
-- Says up to which instant a partition is complete, if it has really been applied as far as `next_offset`.
UPDATE projection_offsets SET complete_before = greatest(complete_before, %(complete_before)s)
 WHERE topic = %(topic)s AND partition = %(partition)s AND next_offset >= %(next_offset)s

-- name: wake
-- Tells those who wait for a write, when the transaction commits, that there is news.
SELECT pg_notify(%(channel)s, '')

-- name: add_exports
-- A row for each export of a batch that has none: what does not exist cannot be locked. In order, against deadlocks.
INSERT INTO exports (export_id, status, state)
SELECT export_id, 'Pending', json_build_object('export_id', export_id)
  FROM unnest(%(export_ids)s::uuid[]) AS export_id
 ORDER BY export_id
    ON CONFLICT DO NOTHING

-- name: lock_states
-- The states of the exports of a batch, held until the end of the transaction: an export's request and its events are
-- in different topics, which two projectors may read at a time.
SELECT export_id, state::text AS state
  FROM exports
 WHERE export_id = ANY(%(export_ids)s::uuid[])
 ORDER BY export_id
   FOR UPDATE

-- name: save_export
-- The new state of one export.
UPDATE exports
   SET account_id = %(account_id)s, status = %(status)s, rows_count = %(rows_count)s, created_at = %(created_at)s,
       updated_at = %(updated_at)s, time_format = %(time_format)s, time_zone_name = %(time_zone_name)s,
       state = %(state)s
 WHERE export_id = %(export_id)s

-- name: dump
-- The whole read model, in an order of its own.
SELECT export_id, account_id, status, rows_count, created_at, updated_at, time_format, time_zone_name,
       state::text AS state
  FROM exports
 ORDER BY export_id

-- name: state
-- One export of one account, as it stands.
SELECT state::text AS state FROM exports WHERE export_id = %(export_id)s AND account_id = %(account_id)s

-- name: unended
-- How many exports of an account, one apart, have not ended, and which of those that were accepted are not there yet.
-- One statement, so that both are of one moment. Read from exports_unended.
SELECT (SELECT count(*) FROM exports
         WHERE account_id = %(account_id)s AND status = 'Pending' AND export_id <> %(export_id)s) AS known,
       ARRAY(SELECT accepted FROM unnest(%(accepted)s::uuid[]) AS accepted
              WHERE NOT EXISTS (SELECT FROM exports
                                 WHERE exports.export_id = accepted AND exports.account_id IS NOT NULL)) AS unknown
