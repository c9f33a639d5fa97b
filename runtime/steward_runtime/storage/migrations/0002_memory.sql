-- Memory across conversations: one row per record, text and vector sealed under the key of
-- (subject, memory/<domain>/<sensitivity>). `written_by` is a keyed digest that makes one write
-- happen once. A vector is comparable only with vectors of the same model digest and dimension.
CREATE TABLE memories (
  memory_id TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  segment TEXT NOT NULL,
  domain TEXT NOT NULL,
  sensitivity TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  written_by BLOB NOT NULL,
  locator BLOB NOT NULL,
  key_id TEXT NOT NULL,
  label_digest BLOB NOT NULL,
  model_digest TEXT,
  dimension INTEGER,
  nonce BLOB NOT NULL,
  sealed BLOB NOT NULL,
  vector_nonce BLOB,
  vector_sealed BLOB,
  UNIQUE (subject, segment, written_by)
);
CREATE INDEX memories_by_scope ON memories (subject, segment, created_at);
CREATE INDEX memories_by_change ON memories (changed_at);
