-- The exports of an account that have not ended are counted at each new request; of its ended ones there may be millions.

CREATE INDEX exports_unended ON exports (account_id) INCLUDE (export_id) WHERE status = 'Pending';
