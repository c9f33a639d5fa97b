-- Keys of the assistant itself, wrapped like data keys. The key of keyed hashes (`pseudonyms`) lies
-- here, so that pseudonyms stay the same when the key-encryption key is replaced.
CREATE TABLE root_keys (
  purpose TEXT PRIMARY KEY,
  kek_id TEXT NOT NULL,
  nonce BLOB NOT NULL,
  wrapped BLOB NOT NULL
) WITHOUT ROWID;

-- Changes to another key-encryption key. One has ended when every key is wrapped by `kek_id` and
-- the bytes of the older wraps are gone. From its beginning an older runtime must not open the
-- database, because it would make other pseudonyms; then `oldest_reader` is raised.
CREATE TABLE kek_changes (
  kek_id TEXT PRIMARY KEY,
  begun_at INTEGER NOT NULL,
  ended_at INTEGER
) WITHOUT ROWID;

-- Statements by which one signing key names the next one.
CREATE TABLE signing_key_changes (
  old_key_id TEXT NOT NULL,
  new_key_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  envelope BLOB NOT NULL,
  PRIMARY KEY (old_key_id, new_key_id)
) WITHOUT ROWID;
