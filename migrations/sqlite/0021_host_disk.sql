-- Sizes of all disks on a host, in MiB: what is asked for at once meets here, as at the totals of accounts.
ALTER TABLE hosts ADD COLUMN disk_mib BIGINT NOT NULL DEFAULT 0;
UPDATE hosts SET disk_mib = (
    SELECT CAST(COALESCE(SUM(r.amount), 0) AS BIGINT) FROM reservations r JOIN guests g ON g.id = r.guest
    WHERE r.kind = 'disk' AND g.host = hosts.id
);
