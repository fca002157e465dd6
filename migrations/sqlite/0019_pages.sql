-- Lists of operations and of people come a page at a time, and what pages are limited to has an index.
CREATE INDEX operations_created_at ON operations (created_at, id);
CREATE INDEX operations_over ON operations (over, created_at, id);
CREATE INDEX accounts_state ON accounts (state, name, id);
