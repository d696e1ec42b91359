-- The event log and the tables derived from it. doc.go says what each is.

CREATE TABLE events (
  seq      INTEGER PRIMARY KEY CHECK (seq > 0),
  at       INTEGER NOT NULL,              -- ms since 1970 UTC
  day      INTEGER NOT NULL,
  kind     TEXT    NOT NULL,
  version  INTEGER NOT NULL,              -- of the body
  request  TEXT    NOT NULL,
  actor    TEXT    NOT NULL,
  install  TEXT    NOT NULL,
  fact_seq INTEGER NOT NULL,
  fact_sum TEXT    NOT NULL,
  fact_gap INTEGER NOT NULL,
  body     TEXT    NOT NULL,              -- JSON
  prev     BLOB    NOT NULL CHECK (length(prev) = 32),
  hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- All of these are partial: an event pays only for those that concern it.
CREATE UNIQUE INDEX events_request ON events (request) WHERE request <> '';
CREATE UNIQUE INDEX events_fact ON events (install, fact_seq) WHERE fact_seq <> 0;
CREATE UNIQUE INDEX events_day_opened ON events (day) WHERE kind = 'day_opened';
CREATE UNIQUE INDEX events_rated ON events (body ->> '$.Visit') WHERE kind = 'rated';

CREATE TABLE head (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  seq    INTEGER NOT NULL,
  hash   BLOB    NOT NULL CHECK (length(hash) = 32),
  probes INTEGER NOT NULL                 -- grows with each Probe: SQLite writes no page that stays as it is
) STRICT;
INSERT INTO head VALUES (1, 0, zeroblob(32), 0);

CREATE TRIGGER events_follow BEFORE INSERT ON events
WHEN NOT EXISTS (SELECT 1 FROM head WHERE id = 1 AND seq = NEW.seq - 1 AND hash = NEW.prev)
BEGIN
  SELECT RAISE(ABORT, 'an event has to follow the head');
END;

CREATE TRIGGER events_head AFTER INSERT ON events
BEGIN
  UPDATE head SET seq = NEW.seq, hash = NEW.hash WHERE id = 1;
END;

CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN
  SELECT RAISE(ABORT, 'an event is never changed');
END;

CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN
  SELECT RAISE(ABORT, 'an event is never removed');
END;

CREATE TABLE tickets (
  day        INTEGER NOT NULL,
  id         TEXT    NOT NULL,
  first_dept TEXT    NOT NULL,            -- the department that gave the number
  dept       TEXT    NOT NULL,            -- the department it stands in now: another after a transfer
  item       TEXT    NOT NULL,
  num        INTEGER NOT NULL,
  number     TEXT    NOT NULL CHECK (number <> ''),
  twin       INTEGER NOT NULL CHECK (twin >= 0),
  class      TEXT    NOT NULL,
  lang       TEXT    NOT NULL,
  device     TEXT    NOT NULL,
  issued     INTEGER NOT NULL,            -- ms since 1970 UTC
  ahead      INTEGER NOT NULL,
  state      TEXT    NOT NULL,
  returned   INTEGER NOT NULL,
  counter    TEXT    NOT NULL,
  only_at    TEXT    NOT NULL,
  paper      TEXT    NOT NULL,            -- what is known best of all its possible papers
  papers     INTEGER NOT NULL,            -- how many answers could have made one
  odd        TEXT    NOT NULL,
  touched    INTEGER NOT NULL,            -- the last event that changed it
  PRIMARY KEY (day, id),
  UNIQUE (day, number, twin)
) STRICT, WITHOUT ROWID;

CREATE TABLE visits (
  day     INTEGER NOT NULL,
  id      TEXT    NOT NULL,
  ticket  TEXT    NOT NULL,
  dept    TEXT    NOT NULL,
  counter TEXT    NOT NULL,
  officer TEXT    NOT NULL,
  called  INTEGER NOT NULL,               -- ms since 1970 UTC, as the two below
  started INTEGER,                        -- null: nobody said so
  ended   INTEGER,                        -- null: still open
  outcome TEXT    NOT NULL,
  recalls INTEGER NOT NULL,
  score   INTEGER NOT NULL CHECK (score BETWEEN 0 AND 5), -- 0: not rated
  touched INTEGER NOT NULL,
  PRIMARY KEY (day, id),
  CHECK ((ended IS NULL) = (outcome = ''))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX visits_open ON visits (counter) WHERE ended IS NULL;
