-- A journal of version 1, as `.dump` of sqlite3 shows a journal of the last program that wrote this
-- version, with one job that runs and one that has ended. Used by the tests of migrations.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE jobs (
             number INTEGER PRIMARY KEY AUTOINCREMENT, -- never given again
             base_url TEXT NOT NULL,
             fingerprint TEXT NOT NULL,                -- of the key, which is never here
             model TEXT NOT NULL,
             input TEXT NOT NULL,                      -- JSON
             target BLOB,                              -- an absolute path
             folder INTEGER NOT NULL,                  -- whether the target is one
             force INTEGER NOT NULL,
             at INTEGER NOT NULL,                      -- milliseconds since 1970
             stage TEXT NOT NULL,
             id TEXT,
             adopted INTEGER NOT NULL DEFAULT 0,
             status TEXT,
             files BLOB NOT NULL DEFAULT x''           -- paths, a NUL after each
         ) STRICT;
INSERT INTO jobs VALUES(1,'http://127.0.0.1:8787/api/v3','91c477bfb062','kwaivgi/kling-lipsync/text-to-video','{"video":"https://example.com/clip.mp4","text":"Hello","voice_id":"genshin_klee2"}',NULL,0,0,1795430629392,'submitted','b096b089e455be05f9cb3f9d10216c91',0,NULL,X'');
INSERT INTO jobs VALUES(2,'http://127.0.0.1:8787/api/v3','91c477bfb062','kwaivgi/kling-lipsync/text-to-video','{"video":"https://example.com/clip.mp4","text":"Good-bye","voice_id":"genshin_klee2"}',NULL,0,0,1795430629429,'ended','02087916ddebcc558655e22fca5eb2a3',0,'completed',X'');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('jobs',2);
CREATE INDEX open_jobs ON jobs (base_url, fingerprint) WHERE (stage IN ('intended', 'unknown', 'submitted')
    OR (stage = 'ended' AND target IS NOT NULL AND status = 'completed'));
CREATE INDEX known_jobs ON jobs (base_url, fingerprint, id) WHERE id IS NOT NULL;
COMMIT;
PRAGMA application_id = 2002876005;
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
