-- The table of the CDRs in the local stack. An installation has its own, filled by its own feed; what we need of it is
-- these names, types that compare with them, and a sorting key that begins with the account and the time.
--
-- ORDER BY (customer_acc_id, time_start, id): an export is one account over one period, newest first, which this key
-- serves by reading backwards, without a sort. `id` makes the order total, so that the same slice is the same bytes.
-- PARTITION BY month: exports rarely span more than two; days would make too many parts beneath such a key.
-- Nullable where the file must tell NULL (nothing) from an empty string (""), or where NULL means "did not happen".
-- Amounts are Decimal(38, 20) because they are computed, with up to twenty decimals; rates are typed in by people.

CREATE TABLE IF NOT EXISTS cdrs
(
    -- ---- identity --------------------------------------------------------
    id                            UInt64,
    uuid                          Nullable(UUID),
    local_tag                     Nullable(String)   CODEC(ZSTD(3)),   -- customer field 27
    orig_call_id                  Nullable(String)   CODEC(ZSTD(3)),   -- customer field 26
    term_call_id                  Nullable(String)   CODEC(ZSTD(3)),
    global_tag                    Nullable(String)   CODEC(ZSTD(3)),

    -- ---- time (always UTC in storage; rendered in the export's zone) -------
    time_start                    DateTime64(6, 'UTC')           CODEC(DoubleDelta, ZSTD(1)), -- field 1
    time_connect                  Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),              -- field 2
    time_end                      Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),              -- field 3
    date_start                    Date DEFAULT toDate(time_start),     -- stock feeder sends it explicitly

    -- ---- ownership / filter keys -------------------------------------------
    -- 0 = "unknown" (unauthenticated attempts); kept non-Nullable because they
    -- sit in, or next to, the sorting key. Yeti ids start at 1.
    customer_id                   UInt32 DEFAULT 0,
    customer_acc_id               UInt32 DEFAULT 0,
    customer_auth_id              UInt32 DEFAULT 0,
    vendor_id                     UInt32 DEFAULT 0,
    vendor_acc_id                 UInt32 DEFAULT 0,
    orig_gw_id                    UInt32 DEFAULT 0,
    term_gw_id                    UInt32 DEFAULT 0,
    -- external ids are operator-chosen, may legitimately be 0 or negative
    customer_external_id          Nullable(Int64),
    customer_acc_external_id      Nullable(Int64),
    customer_auth_external_id     Nullable(Int64),
    customer_auth_external_type   LowCardinality(Nullable(String)),
    customer_auth_name            LowCardinality(Nullable(String)),
    vendor_external_id            Nullable(Int64),
    vendor_acc_external_id        Nullable(Int64),
    orig_gw_external_id           Nullable(Int64),
    term_gw_external_id           Nullable(Int64),

    -- ---- outcome -----------------------------------------------------------
    success                       Bool  DEFAULT false,                 -- field 4
    duration                      Int32 DEFAULT 0,                     -- field 5
    customer_duration             Nullable(Int32),                     -- field 25 (NULL when not billed)
    vendor_duration               Nullable(Int32),
    is_last_cdr                   Bool  DEFAULT true,
    routing_attempt               UInt8 DEFAULT 1,
    disconnect_initiator_id       Nullable(Int8),
    lega_disconnect_code          Nullable(Int32),                     -- field 12
    lega_disconnect_reason        LowCardinality(Nullable(String)),    -- field 13
    legb_disconnect_code          Nullable(Int32),
    legb_disconnect_reason        LowCardinality(Nullable(String)),
    internal_disconnect_code      Nullable(Int32),
    internal_disconnect_code_id   Nullable(Int16),
    internal_disconnect_reason    LowCardinality(Nullable(String)),
    failed_resource_type_id       Nullable(Int16),
    failed_resource_id            Nullable(Int64),

    -- ---- numbers -------------------------------------------------------------
    src_name_in                   Nullable(String) CODEC(ZSTD(1)),     -- field 6
    src_prefix_in                 Nullable(String) CODEC(ZSTD(1)),     -- field 7
    dst_prefix_in                 Nullable(String) CODEC(ZSTD(1)),     -- field 8
    src_prefix_routing            Nullable(String) CODEC(ZSTD(1)),     -- field 16
    dst_prefix_routing            Nullable(String) CODEC(ZSTD(1)),     -- field 17
    src_prefix_out                Nullable(String) CODEC(ZSTD(1)),
    dst_prefix_out                Nullable(String) CODEC(ZSTD(1)),
    diversion_in                  Nullable(String) CODEC(ZSTD(1)),     -- field 29

    -- ---- SIP / transport -------------------------------------------------------
    from_domain                   LowCardinality(Nullable(String)),    -- field 9
    to_domain                     LowCardinality(Nullable(String)),    -- field 10
    ruri_domain                   LowCardinality(Nullable(String)),    -- field 11
    auth_orig_ip                  LowCardinality(String) DEFAULT '',   -- field 14; '' means NULL
    auth_orig_port                Nullable(UInt16),                    -- field 15
    auth_orig_transport_protocol_id Nullable(UInt8),
    lega_user_agent               LowCardinality(Nullable(String)),    -- field 28
    legb_user_agent               LowCardinality(Nullable(String)),
    sign_orig_ip                  LowCardinality(String) DEFAULT '',
    sign_term_ip                  LowCardinality(String) DEFAULT '',

    -- ---- routing / rating ------------------------------------------------------
    destination_id                UInt32 DEFAULT 0,
    dialpeer_id                   UInt32 DEFAULT 0,
    rateplan_id                   UInt32 DEFAULT 0,
    routing_plan_id               UInt32 DEFAULT 0,
    routing_group_id              UInt32 DEFAULT 0,
    destination_prefix            LowCardinality(Nullable(String)),    -- field 18
    destination_initial_interval  Nullable(Int32),                     -- field 19
    destination_next_interval     Nullable(Int32),                     -- field 20
    destination_initial_rate      Nullable(Decimal(18, 8)),            -- field 21
    destination_next_rate         Nullable(Decimal(18, 8)),            -- field 22
    destination_fee               Nullable(Decimal(18, 8)),            -- field 23
    customer_price                Nullable(Decimal(38, 20)),           -- field 24
    customer_price_no_vat         Nullable(Decimal(38, 20)),
    vendor_price                  Nullable(Decimal(38, 20)),
    profit                        Nullable(Decimal(38, 20)),
    routing_tag_ids               Array(Int16),                        -- NULL and {} both land as []

    -- ---- geography --------------------------------------------------------------
    src_country_id                Nullable(UInt16),
    dst_country_id                Nullable(UInt16),
    src_network_id                Nullable(UInt32),
    dst_network_id                Nullable(UInt32),

    -- ---- placement / quality ----------------------------------------------------
    pop_id                        Nullable(UInt32),
    node_id                       Nullable(UInt32),
    routing_delay                 Nullable(Float32),
    pdd                           Nullable(Float32),
    rtt                           Nullable(Float32),

    -- skip indexes for the two exact-match number filters; per-account time
    -- ranges are already narrow, so these only matter for very large accounts
    INDEX idx_dst_routing dst_prefix_routing TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX idx_src_routing src_prefix_routing TYPE bloom_filter(0.01) GRANULARITY 4,
    -- for admin exports that have no account key
    INDEX idx_time_start  time_start         TYPE minmax             GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time_start)
ORDER BY (customer_acc_id, time_start, id)
