# The PostgreSQL image runs this once, on an empty volume, as its superuser: it makes the owner, who is none, and the
# owner's database. The owner may make the other roles, and does so in the migration.
psql --no-psqlrc --set ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set password `cat "${CARPUS_SECRETS:-/run/secrets}/carpus_database_password"`
CREATE ROLE carpus LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE carpus OWNER carpus;
SQL
