-- Purge runs, what they have frozen, and the receipts that they end in. `sealed` holds what a run
-- needs to go on after a crash (locators, needles) under a key of the run's own, destroyed at its
-- end; the rest are counts, times and codes.
CREATE TABLE purge_runs (
  run_id TEXT PRIMARY KEY,
  cause TEXT NOT NULL,
  step TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER,
  outcome TEXT,
  reason TEXT NOT NULL DEFAULT '',
  receipt_digest TEXT,
  key_id TEXT,
  nonce BLOB,
  sealed BLOB
);
CREATE UNIQUE INDEX purge_runs_unfinished ON purge_runs ((1)) WHERE finished_at IS NULL;
CREATE INDEX purge_runs_by_start ON purge_runs (started_at);

CREATE TABLE purge_counts (
  run_id TEXT NOT NULL,
  store TEXT NOT NULL,
  records INTEGER NOT NULL,
  rows_deleted INTEGER NOT NULL,
  PRIMARY KEY (run_id, store)
) WITHOUT ROWID;

-- A frozen record takes no more writes until its run has deleted or released it; store '*' freezes
-- the whole assistant. The triggers hold for every writer, so no room can forget to ask.
CREATE TABLE frozen (
  store TEXT NOT NULL,
  record_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (store, record_id)
) WITHOUT ROWID;

CREATE TRIGGER conversations_frozen_insert BEFORE INSERT ON conversations
WHEN EXISTS (SELECT 1 FROM frozen WHERE store = '*')
BEGIN SELECT RAISE(ABORT, 'frozen'); END;

CREATE TRIGGER conversations_frozen_update BEFORE UPDATE ON conversations
WHEN EXISTS (SELECT 1 FROM frozen WHERE store = '*')
  OR EXISTS (SELECT 1 FROM frozen WHERE store = 'conversations' AND record_id = NEW.conversation_id)
BEGIN SELECT RAISE(ABORT, 'frozen'); END;

CREATE TRIGGER messages_frozen_insert BEFORE INSERT ON messages
WHEN EXISTS (SELECT 1 FROM frozen WHERE store = '*')
  OR EXISTS (SELECT 1 FROM frozen WHERE store = 'conversations' AND record_id = NEW.conversation_id)
BEGIN SELECT RAISE(ABORT, 'frozen'); END;

CREATE TRIGGER tasks_frozen_insert BEFORE INSERT ON tasks
WHEN EXISTS (SELECT 1 FROM frozen WHERE store = '*')
  OR EXISTS (SELECT 1 FROM frozen WHERE store = 'conversations' AND record_id = NEW.conversation_id)
BEGIN SELECT RAISE(ABORT, 'frozen'); END;

CREATE TRIGGER tasks_frozen_update BEFORE UPDATE ON tasks
WHEN EXISTS (SELECT 1 FROM frozen WHERE store = '*')
  OR EXISTS (SELECT 1 FROM frozen WHERE store = 'tasks' AND record_id = NEW.task_id)
BEGIN SELECT RAISE(ABORT, 'frozen'); END;

CREATE TRIGGER journal_frozen_insert BEFORE INSERT ON journal
WHEN EXISTS (SELECT 1 FROM frozen WHERE store = '*')
  OR EXISTS (SELECT 1 FROM frozen WHERE store = 'tasks' AND record_id = NEW.task_id)
BEGIN SELECT RAISE(ABORT, 'frozen'); END;

CREATE TRIGGER ledger_frozen_insert BEFORE INSERT ON ledger
WHEN EXISTS (SELECT 1 FROM frozen WHERE store = '*')
  OR EXISTS (SELECT 1 FROM frozen WHERE store = 'tasks' AND record_id = NEW.task_id)
BEGIN SELECT RAISE(ABORT, 'frozen'); END;

CREATE TRIGGER memories_frozen_insert BEFORE INSERT ON memories
WHEN EXISTS (SELECT 1 FROM frozen WHERE store = '*')
BEGIN SELECT RAISE(ABORT, 'frozen'); END;

CREATE TRIGGER audit_details_frozen_insert BEFORE INSERT ON audit_details
WHEN EXISTS (SELECT 1 FROM frozen WHERE store = '*')
BEGIN SELECT RAISE(ABORT, 'frozen'); END;

-- A key of audit details goes with the last detail of its task.
CREATE INDEX audit_details_by_task ON audit_details (task_id);

-- Receipts in the order of their log. `cosignature` is the archive's acknowledgement.
CREATE TABLE receipts (
  log_size INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  run_id TEXT NOT NULL UNIQUE,
  issued_at INTEGER NOT NULL,
  envelope BLOB NOT NULL,
  cosignature BLOB,
  archived_at INTEGER
);
