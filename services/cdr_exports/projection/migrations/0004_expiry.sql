-- What has expired is looked for every minute among all exports that were ever asked for.

CREATE INDEX exports_ended ON exports (updated_at) WHERE status IN ('Completed', 'Failed');
