-- Without GTIDs: anonymous groups, changes to a table without transactions in groups of their
-- own, and, by statement, groups that end in ROLLBACK or hold ROLLBACK TO.
-- server: --gtid-mode=OFF --enforce-gtid-consistency=OFF
CREATE DATABASE r;
USE r;
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40)) ENGINE=InnoDB;
CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM;
BEGIN; INSERT INTO t VALUES (1,'kept'); INSERT INTO m VALUES (1); COMMIT;
SET SESSION binlog_format = STATEMENT;
BEGIN; INSERT INTO t VALUES (10,'a'); SAVEPOINT `s 1`; INSERT INTO t VALUES (11,'b'); INSERT INTO m VALUES (11); ROLLBACK TO `s 1`; INSERT INTO t VALUES (13,'c'); COMMIT;
BEGIN; INSERT INTO t VALUES (20,'c'); INSERT INTO m VALUES (20); ROLLBACK;
SET SESSION binlog_format = ROW;
INSERT INTO t SELECT id + 100, 'both' FROM m;
