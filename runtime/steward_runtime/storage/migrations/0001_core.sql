-- Core tables. Content is ciphertext in `sealed`; what is in clear is needed to find rows and holds
-- pseudonyms, times and sizes only. Times are milliseconds since 1970 UTC, written by the runtime.

CREATE TABLE storage_format (oldest_reader INTEGER NOT NULL);
INSERT INTO storage_format (oldest_reader) VALUES (1);

-- One data key per (subject, class, scope), wrapped by the key-encryption key `kek_id`.
CREATE TABLE data_keys (
  key_id TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  class TEXT NOT NULL,
  scope TEXT NOT NULL,
  kek_id TEXT NOT NULL,
  nonce BLOB NOT NULL,
  wrapped BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (subject, class, scope)
) WITHOUT ROWID;

-- Blueprints that tasks are pinned to: no personal data, no secret.
CREATE TABLE blueprints (
  digest TEXT PRIMARY KEY,
  document BLOB NOT NULL,
  first_seen_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE conversations (
  conversation_id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  subject TEXT,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  length INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversations_by_owner ON conversations (owner);
CREATE INDEX conversations_by_change ON conversations (changed_at);

CREATE TABLE messages (
  conversation_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  task_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  locator BLOB NOT NULL,
  key_id TEXT NOT NULL,
  label_digest BLOB NOT NULL,
  nonce BLOB NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (conversation_id, seq)
);

CREATE TABLE tasks (
  task_id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  subject TEXT,
  conversation_id TEXT NOT NULL,
  blueprint_digest TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT NOT NULL DEFAULT '',
  retry_key BLOB NOT NULL,
  accepted_at INTEGER NOT NULL,
  deadline_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  ended_at INTEGER
) WITHOUT ROWID;
CREATE INDEX tasks_unfinished ON tasks (conversation_id, accepted_at) WHERE ended_at IS NULL;
CREATE INDEX tasks_by_end ON tasks (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX tasks_by_retry ON tasks (retry_key, accepted_at);
CREATE INDEX tasks_by_conversation ON tasks (conversation_id);

-- The journal: one row per record, never changed.
CREATE TABLE journal (
  task_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  type TEXT NOT NULL,
  at INTEGER NOT NULL,
  locator BLOB NOT NULL,
  key_id TEXT NOT NULL,
  label_digest BLOB NOT NULL,
  nonce BLOB NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (task_id, seq)
);

-- The ledger of effects: Intended, Sent, then Answered, Failed or Unknown.
CREATE TABLE ledger (
  key TEXT PRIMARY KEY,
  task_id TEXT NOT NULL,
  step TEXT NOT NULL,
  tool TEXT NOT NULL,
  status TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX ledger_by_task ON ledger (task_id);

-- Audit: leaves stay, details can be erased.
CREATE TABLE audit_leaves (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  leaf BLOB NOT NULL,
  head BLOB NOT NULL
);
CREATE TABLE audit_details (
  seq INTEGER PRIMARY KEY,
  subject TEXT,
  task_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  locator BLOB NOT NULL,
  key_id TEXT NOT NULL,
  label_digest BLOB NOT NULL,
  nonce BLOB NOT NULL,
  sealed BLOB NOT NULL
);
CREATE INDEX audit_details_by_time ON audit_details (at);
