-- The statements that find what has expired, by name.

-- name: expired
-- Exports that ended before an instant and are not deleted, those that ended first first.
SELECT export_id, updated_at AS ended_at
  FROM exports
 WHERE status IN ('Completed', 'Failed') AND updated_at < %(before)s
 ORDER BY updated_at
 LIMIT %(limit)s
