"""The shared ground of every process: settings, errors, log, tables, states, session, migrations and views.

Every other package stands on this one; it imports none of them.
"""
