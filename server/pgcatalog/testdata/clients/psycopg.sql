-- psycopg 3.3.9 and asyncpg 0.32: types
SELECT
                        current_setting('jit') AS cur,
                        set_config('jit', 'off', false) AS new;

select '[1]'::jsonb as j;

select * from pg_cursors;

select to_regtype('int8');

select name,statement,is_holdable from pg_cursors;
