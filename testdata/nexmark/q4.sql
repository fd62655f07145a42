-- q4, average closing price of a category: of each auction the best bid that came
-- in time, of each category the mean of those. An aggregate over an aggregate, so
-- the outer one sees retractions.
CREATE MATERIALIZED VIEW nexmark_q4 AS
SELECT q.category, avg(q.final) AS avg
FROM (
    SELECT a.category, max(b.price) AS final
    FROM auction AS a
    JOIN bid AS b ON a.id = b.auction
    WHERE b.date_time BETWEEN a.date_time AND a.expires
    GROUP BY a.id, a.category
) AS q
GROUP BY q.category;
