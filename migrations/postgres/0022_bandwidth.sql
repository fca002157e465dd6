-- Bandwidth is a kind of quota, in Mbit/s: of running guests on the bridge, 40,000 where a guest has no limit. No role has a
-- limit of it until somebody sets one.
INSERT INTO reservations (guest, kind, account, amount)
    SELECT g.id, 'bandwidth', g.owner, COALESCE(g.net_mbit, 40000)
    FROM guests g JOIN reservations r ON r.guest = g.id AND r.kind = 'running'
    WHERE g.network = 'bridge';
INSERT INTO quota_totals (account, kind, used)
    SELECT account, kind, CAST(SUM(amount) AS BIGINT) FROM reservations WHERE kind = 'bandwidth' GROUP BY account, kind;
