// Package store keeps the centre on disk: one SQLite file, quhao.db, in the data folder.
//
// # The tables
//
//	events   the truth. Everything that has happened, in order, never changed, never removed: triggers refuse it.
//	         Each row carries the SHA-256 over the row before it and itself (row.go says over which bytes),
//	         so that a changed or removed row is found by Verify.
//	head     one row: number and hash of the last event, kept by a trigger. A log that was cut short does not end there.
//	tickets  derived: each ticket as its last event left it. Key (day, id).
//	visits   derived: each visit, that is one ticket at one counter from the call to its end, and its rating. Key (day, id).
//
// The derived tables are written in the transaction of the events they come from, and Rebuild makes them anew from
// the events alone. Reports read them; nothing that decides anything does.
//
// # What the database itself refuses
//
//	tickets (day, number, twin) unique      a second paper with one number on one day, unless it is marked as a twin
//	visits (counter) unique while open      a second open visit at a counter
//	events (Visit of the body) if rated     a second rating of a visit
//	events (install, fact_seq) of facts     a second fact with one number in one journal
//	events (request) unless empty           a second effect of one command
//	events (day) if day_opened              a second opening of a day
//	trigger events_follow                   an event that does not follow the head, in number and in hash
//	triggers events_no_update, _no_delete   a change of what has happened
//
// # Times and people
//
// Times are milliseconds since 1970 UTC. There is no name and no card number in the file. The body of an issued event
// holds the hash of a card under the day's key, which nobody can undo once that key is deleted at the day's close;
// the derived tables leave that hash out, and what a visitor needs (it may speak of an illness) as well.
//
// # Durability
//
// The file is in WAL mode with synchronous=FULL: when Append returns nil, its events survive a power cut.
// There is one connection that writes, and a pool of others that can only read.
package store
